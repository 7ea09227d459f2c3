/** Hands due effects to the host: marked as running in one commit that is flushed before they leave. */
import { settings } from "../config/store.ts";
import { SECOND, type Ctx } from "../kernel/context.ts";
import type { ClaimedEffect } from "../town.ts";
import { townRow } from "../town-row.ts";
import { restsUntil } from "../runner/replacements.ts";
import { claimable, finish, needsRunner, type EffectKind } from "./outbox.ts";
import { buildRequest, callDeadline } from "./requests.ts";

/** The answer of a call that was cut off at its deadline is still on its way then. */
const ANSWER_SLACK = 5 * SECOND;

export function claimEffects(ctx: Ctx, limit?: number): ClaimedEffect[] {
  const parallel = settings(ctx, null).limits.parallel_effects;
  const runnerEpoch = townRow(ctx).runner_epoch;
  const rest = restsUntil(ctx);
  const claimed: ClaimedEffect[] = [];
  for (const row of claimable(ctx, Math.min(limit ?? parallel, parallel))) {
    // No try begins after that time: what the ones before it did is not known.
    if (row.give_up_at !== null && row.give_up_at <= ctx.now) {
      finish(ctx, row.id, "unknown");
      continue;
    }
    // Its executor would start one.
    if (rest !== null && needsRunner(row.kind)) {
      ctx.sql.run("update outbox set due_at = ? where id = ?", rest, row.id);
      continue;
    }
    const attempt = row.attempts + 1;
    const request = buildRequest(ctx, row, attempt);
    if (!request) {
      finish(ctx, row.id, "moot");
      continue;
    }
    const deadline = ctx.now + callDeadline(row.kind as EffectKind);
    ctx.sql.run(
      "update outbox set state = 'running', attempts = ?, deadline = ?, runner_epoch = ? where id = ? and state = 'pending'",
      attempt,
      deadline + ANSWER_SLACK,
      runnerEpoch,
      row.id,
    );
    claimed.push({ id: row.id, attempt, deadline, request });
  }
  return claimed;
}
