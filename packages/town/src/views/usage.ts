/** What was spent, by whatever it is asked for, and how the budgets stand (spec/api.md §3.3, towns.usage). */
import type { BudgetState, UsageAnswer, UsageQuery, UsageSum } from "@gastown/protocol";
import { budgetOf, share } from "../budgets/budgets.ts";
import { dayOf, spent, used, type Scope } from "../budgets/spend.ts";
import type { Ctx } from "../kernel/context.ts";
import type { Row } from "../kernel/sql.ts";

const KEYS: Record<NonNullable<UsageQuery["groupBy"]>, string> = {
  day: "strftime('%Y-%m-%d', coalesce(ended_at, ?1) / 1000, 'unixepoch')",
  role: "role",
  rig: "coalesce(rig_id, '')",
  convoy: "coalesce(charged_convoy, '')",
  bead: "coalesce(charged_bead, '')",
  model: "coalesce(model, runtime)",
};
const LISTED = 1_000;

type Sums = Row & { tokens_in: number; tokens_out: number; usd: number; usd_known: number };
type SumRow = Sums & { key: string; sessions: number };

/** Sessions that ended from `from` to before `to` (epoch ms), and those that live. */
export function usage(ctx: Ctx, query: UsageQuery): UsageAnswer {
  const key = KEYS[query.groupBy ?? "day"];
  const rows = ctx.sql.all<SumRow>(
    `select ${key} as key, ${SUMS}, count(*) as sessions from sessions
     where state <> 'ended' and ?1 >= ?2 and ?1 < ?3 or ended_at >= ?2 and ended_at < ?3
     group by 1 order by 1 desc limit ?4`,
    ctx.now,
    query.from === undefined ? 0 : Date.parse(query.from),
    query.to === undefined ? Number.MAX_SAFE_INTEGER : Date.parse(query.to),
    LISTED,
  );
  return {
    items: rows.map((row) => ({ key: row.key, ...toSum(row), sessions: row.sessions })),
    budgets: budgetStates(ctx),
  };
}

const SUMS = `coalesce(sum(tokens_in), 0) as tokens_in, coalesce(sum(tokens_out), 0) as tokens_out,
  coalesce(sum(usd), 0.0) as usd, coalesce(min(usd_known), 1) as usd_known`;

function toSum(row: Sums): UsageSum {
  return {
    tokensIn: row.tokens_in,
    tokensOut: row.tokens_out,
    usd: row.usd,
    usdKnown: row.usd_known === 1,
  };
}

/** Everything that was charged to one bead or convoy, live sessions included. */
export function usageOf(ctx: Ctx, column: "charged_bead" | "charged_convoy", id: string): UsageSum {
  const row = ctx.sql.get<Sums>(`select ${SUMS} from sessions where ${column} = ?`, id);
  return row ? toSum(row) : { tokensIn: 0, tokensOut: 0, usd: 0, usdKnown: true };
}

/** The day's and each rig's; a convoy's or bead's once a session of it was told to be near its end. */
export function budgetStates(ctx: Ctx): BudgetState[] {
  const rigs = ctx.sql.all<{ id: string }>("select id from rigs order by created_at");
  const told = ctx.sql.all<{ scope: Scope; id: string; rig_id: string | null }>(
    "select scope, id, rig_id from budget_levels where level > 0 and scope in ('bead', 'convoy') order by scope, id",
  );
  return [
    ...stateOf(ctx, "town_day", dayOf(ctx.now), null),
    ...stateOf(ctx, "triage_day", dayOf(ctx.now), null),
    ...rigs.flatMap(({ id }) => stateOf(ctx, "rig", id, id)),
    ...told.flatMap(({ scope, id, rig_id }) => stateOf(ctx, scope, id, rig_id)),
  ];
}

function stateOf(ctx: Ctx, scope: Scope, id: string, rigId: string | null): BudgetState[] {
  const limit = budgetOf(ctx, scope, rigId);
  if (limit === null) return [];
  const so = spent(ctx, scope, id);
  const all = used(ctx, scope, id);
  return [
    {
      scope,
      id,
      limit,
      used: so,
      reserved: { tokens: all.tokens - so.tokens, usd: all.usd - so.usd },
      share: share(limit, all),
    },
  ];
}
