/**
 * One session at a time judges what is stuck, in batches; its starts pass the same gates as all others
 * (spec/town.md §5, triage).
 */
import { breakerGate } from "../breaker/breaker.ts";
import { budgetWait, SHARED } from "../budgets/budgets.ts";
import type { Ctx } from "../kernel/context.ts";
import { startTriage } from "../sessions/start.ts";
import { townRow } from "../town-row.ts";
import { anyOpen, dropMoot, giveUpAll, takeBatch } from "../triage/requests.ts";
import { freeAgents } from "./dispatch.ts";

export function triageController(ctx: Ctx): number | null {
  dropMoot(ctx);
  if (!anyOpen(ctx)) return null;
  // Waiting for tomorrow helps nobody who is stuck today.
  const own = budgetWait(ctx, { beadId: null, convoyId: null, rigId: null, triage: true }, ["triage_day"]);
  if (own) {
    giveUpAll(ctx, `${own.message}.`);
    return null;
  }
  const live = ctx.sql.get("select id from sessions where role = 'triage' and state <> 'ended'");
  if (live !== undefined) return null;
  const town = townRow(ctx);
  if (town.triage_rest_until > ctx.now) return town.triage_rest_until;
  // Each of these ends with a wake of all that starts sessions; a day's budget comes back by the clock.
  if (town.paused_at !== null || town.runner_draining === 1 || town.no_room !== null) return null;
  const budget = budgetWait(ctx, { beadId: null, convoyId: null, rigId: null }, SHARED);
  if (budget) return budget.until ?? null;
  if (breakerGate(ctx).type !== "closed" || freeAgents(ctx) <= 0) return null;
  takeBatch(ctx, startTriage(ctx));
  return null;
}
