/**
 * 16: nothing begins where a budget is used up, nothing goes on where a hard one is, and what is counted
 * is what was used. Summed from the sessions themselves, and not from the engine's own sums.
 */
import type { Budget } from "@gastown/protocol";
import type { Row, Sql, Town } from "@gastown/town";
import type { World } from "../world/world.ts";
import { ViolationFound } from "./violation.ts";

const DAY = 24 * 3_600_000;

type Session = Row & {
  id: string;
  role: string;
  rig_id: string | null;
  charged_bead: string | null;
  charged_convoy: string | null;
};

/** A budget, and the sessions that are charged to it. */
interface Limit {
  scope: string;
  budget: Budget;
  where: string;
  value: string | number;
}

function limitsOf(town: Town, session: Session, now: number): Limit[] {
  const { budgets } =
    session.rig_id === null ? town.config().effective : town.rigConfig(session.rig_id).effective;
  const day = town.config().effective.budgets.town_day;
  const limits: [string, Budget | null, string, string | number | null][] = [
    ["bead", budgets.bead, "charged_bead = ?", session.charged_bead],
    ["convoy", budgets.convoy, "charged_convoy = ?", session.charged_convoy],
    ["rig", budgets.rig, "rig_id = ?", session.rig_id],
    ["town_day", day, "(state <> 'ended' or ended_at >= ?)", now - (now % DAY)],
  ];
  return limits.flatMap(([scope, budget, where, value]) =>
    budget === null || value === null ? [] : [{ scope, budget, where, value }],
  );
}

/**
 * Whether a budget is used up by the sessions that began before that one (ids grow with time);
 * `reserved`: with what live ones are expected to cost at least.
 */
function isUsedUp(sql: Sql, limit: Limit, reserved: boolean, before: string): boolean {
  const tokens = reserved
    ? liveAtLeast("reserved_tokens", "tokens_in + tokens_out")
    : "tokens_in + tokens_out";
  const usd = reserved ? liveAtLeast("reserved_usd", "usd") : "usd";
  const sum = sql.get<Row & { tokens: number | null; usd: number | null }>(
    `select sum(${tokens}) as tokens, sum(${usd}) as usd from sessions where id < ? and ${limit.where}`,
    before,
    limit.value,
  );
  const reaches = (amount: number, of: number | undefined): boolean => of !== undefined && amount >= of;
  // Money is a sum of fractions, in whatever order it was added.
  const money = Math.round((sum?.usd ?? 0) * 1e6) / 1e6;
  return reaches(sum?.tokens ?? 0, limit.budget.tokens) || reaches(money, limit.budget.usd);
}

const liveAtLeast = (reserved: string, used: string): string =>
  `case when state = 'ended' then ${used} else max(${reserved}, ${used}) end`;

/** In the moment in which a session begins. The mayor is kept back by a hard budget of the day alone. */
export function startedWithinBudget(town: Town, sql: Sql, sessionId: string, now: number): void {
  const session = sql.get<Session>("select * from sessions where id = ?", sessionId);
  if (!session) return;
  for (const limit of limitsOf(town, session, now)) {
    const counts = session.role !== "mayor" || limit.budget.hard === true;
    if (counts && isUsedUp(sql, limit, true, sessionId))
      throw new ViolationFound(16, `${sessionId} began though the budget of its ${limit.scope} is used up`);
  }
}

/** After every transaction: who lives under a hard budget that is spent was asked to stop. */
export function stoppedAtHardBudgets(town: Town, sql: Sql, now: number): void {
  const live = sql.all<Session>("select * from sessions where state <> 'ended' and stop_requested is null");
  for (const session of live)
    for (const limit of limitsOf(town, session, now))
      if (limit.budget.hard === true && isUsedUp(sql, limit, false, "~"))
        throw new ViolationFound(16, `${session.id} goes on over the hard budget of its ${limit.scope}`);
}

/** Reports may be lost, and then a cost is not known; but nothing counts twice. */
export function checkUse(world: World, sql: Sql): void {
  const sessions = sql.all<Row & { id: string; tokens: number }>(
    "select id, tokens_in + tokens_out as tokens from sessions",
  );
  for (const { id, tokens } of sessions)
    if (tokens > (world.used.get(id) ?? 0))
      throw new ViolationFound(
        16,
        `${id} is said to have used ${tokens} tokens, and used ${world.used.get(id) ?? 0}`,
      );
}
