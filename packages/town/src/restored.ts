/**
 * A town from a backup (spec/api.md §7): the world went on meanwhile. Sessions and runners of after the
 * backup have higher fencing numbers than the stored counter, so that jumps beyond anything they can have.
 */
import { audit } from "./audit/audit.ts";
import type { Ctx } from "./kernel/context.ts";
import { schedule } from "./kernel/schedule.ts";
import { requeueAccepted, requeueRunning } from "./outbox/outbox.ts";
import { endSession } from "./sessions/end.ts";
import { liveSessions, nextEpoch } from "./sessions/session-row.ts";
import { wakeDispatchers } from "./dependents.ts";

/** More than a town can have handed out between a backup and its restoration. */
const EPOCH_JUMP = 1_000_000_000;

export function restored(ctx: Ctx): void {
  ctx.sql.run("update town set epoch = epoch + ? where id = 1", EPOCH_JUMP);
  const epoch = nextEpoch(ctx);
  ctx.sql.run(
    `update town set runner_epoch = ?, runner_instance = null, runner_seen_at = null, runner_draining = 0 where id = 1`,
    epoch,
  );
  for (const session of liveSessions(ctx)) {
    ctx.sql.run("update sessions set epoch = ? where id = ?", nextEpoch(ctx), session.id);
    endSession(ctx, session, {
      outcome: "evicted",
      reason: { code: "restored", message: "the town was restored from a backup" },
      gone: true,
    });
  }
  requeueRunning(ctx);
  requeueAccepted(ctx, epoch);
  audit(ctx, {
    kind: "town.restored",
    subject: { type: "town", id: ctx.townId },
    text: "The town was restored from a backup; every session and runner of before is fenced",
    data: { epoch },
  });
  schedule(ctx, "runner", "runner");
  schedule(ctx, "mayor", "mayor");
  wakeDispatchers(ctx);
}
