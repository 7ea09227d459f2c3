/**
 * A town from a backup (spec/api.md §7): the world went on meanwhile. Sessions and runners of after the
 * backup have higher fencing numbers than the stored counter, so that jumps beyond anything they can have.
 */
import type { FailureReason } from "@gastown/protocol";
import { audit } from "./audit/audit.ts";
import type { Ctx } from "./kernel/context.ts";
import { schedule } from "./kernel/schedule.ts";
import { requeueAccepted, requeueRunning } from "./outbox/outbox.ts";
import { endSession } from "./sessions/end.ts";
import { liveSessions, nextEpoch } from "./sessions/session-row.ts";
import { townRow } from "./town-row.ts";
import { wakeDispatchers } from "./dependents.ts";

/** More than a town can have handed out between a backup and its restoration. */
const EPOCH_JUMP = 1_000_000_000;

export function restored(ctx: Ctx): void {
  fenceEverything(ctx, { code: "restored", message: "the town was restored from a backup" });
  const epoch = townRow(ctx).runner_epoch;
  requeueRunning(ctx);
  requeueAccepted(ctx, epoch);
  audit(ctx, {
    kind: "town.restored",
    subject: { type: "town", id: ctx.townId },
    text: "The town was restored from a backup; every session and runner of before is fenced",
    data: { epoch },
  });
}

/** Ends every session and disowns every runner, also those that the stored town does not know of. */
export function fenceEverything(ctx: Ctx, reason: FailureReason): void {
  ctx.sql.run("update town set epoch = epoch + ? where id = 1", EPOCH_JUMP);
  ctx.sql.run(
    `update town set runner_epoch = ?, runner_instance = null, runner_seen_at = null, runner_draining = 0,
       no_room = null, no_room_at = null,
       runner_losses = '[]', runner_rest_until = null where id = 1`,
    nextEpoch(ctx),
  );
  for (const session of liveSessions(ctx)) {
    ctx.sql.run("update sessions set epoch = ? where id = ?", nextEpoch(ctx), session.id);
    endSession(ctx, session, { outcome: "evicted", reason, gone: true });
  }
  schedule(ctx, "runner", "runner");
  schedule(ctx, "mayor", "mayor");
  wakeDispatchers(ctx);
}
