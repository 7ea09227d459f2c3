/**
 * Tells of a budget once as it fills: at 80 % a warning, at 100 % that nothing more starts, and at a
 * hard limit the live sessions stop, their work saved (spec/town.md §5). Looked at whenever a cost is
 * reported, a session begins or ends, or a setting changes.
 */
import type { Budget, Usage } from "@gastown/protocol";
import { audit } from "../audit/audit.ts";
import { wakeDispatchers } from "../dependents.ts";
import { escalate, mootEscalations } from "../escalations/escalations.ts";
import type { Ctx } from "../kernel/context.ts";
import { schedule } from "../kernel/schedule.ts";
import type { Row } from "../kernel/sql.ts";
import { tellNotifiers } from "../notify/tell.ts";
import { liveSessions, sessionRow, type SessionRow } from "../sessions/session-row.ts";
import { requestStop } from "../sessions/stop.ts";
import { budgetOf, SCOPE_NAMES, share, spentBudgets, told } from "./budgets.ts";
import {
  charge,
  chargedOf,
  dayOf,
  isDaily,
  scopesOf,
  spent,
  used,
  type Amount,
  type Charged,
  type Scope,
} from "./spend.ts";

const WARNING = 0.8;

type Level = 0 | 1 | 2;
type LevelRow = Row & { scope: Scope; id: string; rig_id: string | null; level: Level };

/**
 * A report of what a session has used in its present life: a running total that begins at nothing with
 * each runner that takes the session up, and that a runner which only cleans up does not know. So it is
 * added to what earlier lives used, and never takes anything back. Of a session that ended already, the
 * difference is charged too.
 */
export function recordUsage(ctx: Ctx, session: SessionRow, report: { epoch: number; usage: Usage }): void {
  const { usage } = report;
  const before = beforeThisLife(session, report.epoch);
  const tokensIn = Math.max(session.tokens_in, before.in + usage.tokens_in);
  const tokensOut = Math.max(session.tokens_out, before.out + usage.tokens_out);
  const usd = Math.max(session.usd, before.usd + usage.usd);
  const usdKnown = usage.usd_known || session.usd_known === 1 ? 1 : 0;
  const tokens = tokensIn + tokensOut - session.tokens_in - session.tokens_out;
  const more = usd - session.usd;
  if (tokens === 0 && more === 0 && usdKnown === session.usd_known) return;
  ctx.sql.run(
    `update sessions set tokens_in = ?, tokens_out = ?, usd = ?, usd_known = ?,
       usage_epoch = ?, before_in = ?, before_out = ?, before_usd = ? where id = ?`,
    tokensIn,
    tokensOut,
    usd,
    usdKnown,
    report.epoch,
    before.in,
    before.out,
    before.usd,
    session.id,
  );
  if (session.state === "ended") charge(ctx, session, { tokens, usd: more });
  watchBudgets(ctx, session);
}

function beforeThisLife(session: SessionRow, epoch: number): { in: number; out: number; usd: number } {
  return epoch > session.usage_epoch
    ? { in: session.tokens_in, out: session.tokens_out, usd: session.usd }
    : { in: session.before_in, out: session.before_out, usd: session.before_usd };
}

/** From now on its cost stands in the sums, and nothing is reserved for it. */
export function chargeEnded(ctx: Ctx, sessionId: string): void {
  const session = sessionRow(ctx, sessionId);
  if (!session) return;
  charge(ctx, session, { tokens: session.tokens_in + session.tokens_out, usd: session.usd });
  watchBudgets(ctx, session);
}

/** Every budget that this session is charged to. */
export function watchBudgets(ctx: Ctx, session: SessionRow): void {
  for (const [scope, id] of scopesOf(ctx, chargedOf(session))) watch(ctx, scope, id, session.rig_id);
}

/** A setting has changed, or what day it is: what was told may not be true any more, and the other way round. */
export function watchAllBudgets(ctx: Ctx): void {
  const today = dayOf(ctx.now);
  ctx.sql.run("delete from budget_levels where scope in ('town_day', 'triage_day') and id <> ?", today);
  for (const scope of ["town_day", "triage_day"] as const) watch(ctx, scope, today, null);
  for (const row of ctx.sql.all<LevelRow>("select * from budget_levels")) {
    watch(ctx, row.scope, row.id, row.rig_id);
  }
  for (const session of liveSessions(ctx)) watchBudgets(ctx, session);
}

function watch(ctx: Ctx, scope: Scope, id: string, rigId: string | null): void {
  const before = levelOf(ctx, scope, id);
  const limits = limitsOf(ctx, scope, id, rigId);
  if (limits.every(({ budget }) => budget === null) && before === 0) return;
  const amount = used(ctx, scope, id);
  if (limits.some(({ budget }) => budget?.hard)) stopAtHardLimit(ctx, scope, id);
  const { filled, budget, ...limit } = fullest(limits, amount);
  const level: Level = filled >= 1 ? 2 : filled >= WARNING ? 1 : 0;
  if (level === before) return;
  ctx.sql.run(
    `insert into budget_levels (scope, id, rig_id, level) values (?1, ?2, ?3, ?4)
     on conflict (scope, id) do update set rig_id = ?3, level = ?4`,
    scope,
    id,
    limit.rigId,
    level,
  );
  const text = budget === null ? "" : told(budget, amount);
  tell(ctx, { scope, id, rigId: limit.rigId, budget, text }, before, level);
  wakeDispatchers(ctx);
  if (scope === "bead") schedule(ctx, "bead", id);
  if (scope === "convoy") wakeMembersOf(ctx, id);
}

interface Limit {
  readonly rigId: string | null;
  readonly budget: Budget | null;
}

/** What limits a scope. The other repositories of a convoy may each say something else of it. */
function limitsOf(ctx: Ctx, scope: Scope, id: string, rigId: string | null): Limit[] {
  const own: Limit = { rigId, budget: budgetOf(ctx, scope, rigId) };
  if (scope !== "convoy") return [own];
  const known = JSON.stringify(own.budget);
  const others = ctx.sql
    .all<{ id: string }>("select id from rigs")
    .map((rig): Limit & { rigId: string } => ({ rigId: rig.id, budget: budgetOf(ctx, scope, rig.id) }))
    // Where all rigs have what the town says, and mostly that is nothing, no member is looked for.
    .filter(({ budget }) => budget !== null && JSON.stringify(budget) !== known);
  return [own, ...others.filter((other) => isInConvoy(ctx, id, other.rigId))];
}

function isInConvoy(ctx: Ctx, convoyId: string, rigId: string): boolean {
  return (
    ctx.sql.get(
      "select 1 from beads where convoy_id = ? and rig_id = ? and status <> 'closed' limit 1",
      convoyId,
      rigId,
    ) !== undefined
  );
}

/** Of several limits the one that is told: that of which the most is used. */
function fullest(limits: readonly Limit[], amount: Amount): Limit & { filled: number } {
  return limits
    .map((limit) => ({ ...limit, filled: limit.budget === null ? 0 : share(limit.budget, amount) }))
    .reduce((most, one) => (one.filled > most.filled ? one : most));
}

function levelOf(ctx: Ctx, scope: Scope, id: string): Level {
  return (
    ctx.sql.get<{ level: Level }>("select level from budget_levels where scope = ? and id = ?", scope, id)
      ?.level ?? 0
  );
}

interface Told {
  scope: Scope;
  id: string;
  rigId: string | null;
  budget: Budget | null;
  text: string;
}

/** Rising is told once for each level; falling only from where work had stopped. */
function tell(ctx: Ctx, what: Told, before: Level, level: Level): void {
  const name = SCOPE_NAMES[what.scope];
  if (level === 2) {
    const seq = record(ctx, "budget.exhausted", what, `The budget of the ${name} is used up: ${what.text}`);
    tellNotifiers(ctx, { event: "budget.exhausted", severity: "medium", seq });
    ask(ctx, what);
  } else if (before === 2) {
    record(ctx, "budget.reset", what, `The budget of the ${name} has room again`);
    mootEscalations(ctx, what.id, "budget");
  } else if (level === 1) {
    const seq = record(
      ctx,
      "budget.warned",
      what,
      `Four fifths of the budget of the ${name} are used: ${what.text}`,
    );
    tellNotifiers(ctx, { event: "budget.warned", severity: "low", seq });
  }
}

/** A person is asked for as long as something waits for it; once, where it is asked already. */
export function askForMore(ctx: Ctx, charged: Charged): void {
  for (const { scope, id, budget, amount } of spentBudgets(ctx, charged))
    ask(ctx, { scope, id, rigId: charged.rigId, budget, text: told(budget, amount) });
}

/** A day's budget comes back by itself; the others only by a person. What triage leaves goes to people. */
function ask(ctx: Ctx, { scope, id, rigId, text }: Told): void {
  if (isDaily(scope)) return;
  escalate(ctx, {
    severity: "medium",
    category: "budget",
    subject: id,
    title: `The budget of a ${SCOPE_NAMES[scope]} is used up`,
    body: `${text}. Nothing more of it starts. Raise budgets.${scope} to go on (gastown config set), or close what is left.`,
    source: {
      ...(rigId === null ? {} : { rigId }),
      ...(scope === "bead" ? { beadId: id } : {}),
      ...(scope === "convoy" ? { convoyId: id } : {}),
    },
  });
}

function record(ctx: Ctx, kind: string, { scope, id, rigId, budget }: Told, text: string): number {
  return audit(ctx, {
    kind,
    subject: scope === "rig" ? { type: "rig", id } : { type: "town", id: ctx.townId },
    rigId,
    ...(scope === "bead" ? { beadId: id } : {}),
    ...(scope === "convoy" ? { convoyId: id } : {}),
    text,
    data: { scope, id, limit: budget },
  });
}

/**
 * At most the turns that run now go on: each agent reports its cost when a turn ends. Whether the limit is hard
 * is said by the rig of each session, and by no other.
 */
function stopAtHardLimit(ctx: Ctx, scope: Scope, id: string): void {
  const amount = spent(ctx, scope, id);
  for (const session of liveSessions(ctx)) {
    const budget = budgetOf(ctx, scope, session.rig_id);
    const concerned = scopesOf(ctx, chargedOf(session)).some(([one, of]) => one === scope && of === id);
    if (!concerned || session.stop_requested !== null) continue;
    if (budget?.hard && share(budget, amount) >= 1)
      requestStop(ctx, session, "now", `the hard budget of the ${SCOPE_NAMES[scope]} is used up`);
  }
}

function wakeMembersOf(ctx: Ctx, convoyId: string): void {
  for (const { id } of ctx.sql.all<{ id: string }>(
    "select id from beads where convoy_id = ? and status = 'open'",
    convoyId,
  ))
    schedule(ctx, "bead", id);
}
