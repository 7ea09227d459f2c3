/**
 * A host runs only so many runners (`max_instances`). A town for which there is no room waits its turn
 * there, and its host says when that has come; meanwhile nothing of it begins, and nothing is counted.
 */
import { audit } from "../audit/audit.ts";
import { wakeDispatchers } from "../dependents.ts";
import { MINUTE, type Ctx } from "../kernel/context.ts";
import { schedule } from "../kernel/schedule.ts";
import { WITHOUT_RUNNER_SQL } from "../outbox/outbox.ts";
import { townRow } from "../town-row.ts";

/** A host that was started anew has forgotten who waits: then asking again is what puts us in its queue. */
const ASK_AGAIN = 5 * MINUTE;

/** @param message what a reader is told, with the place in the queue */
export function noRoom(ctx: Ctx, message: string): void {
  const before = townRow(ctx).no_room;
  ctx.sql.run("update town set no_room = ?, no_room_at = ? where id = 1", message, ctx.now);
  schedule(ctx, "runner", "runner", ctx.now + ASK_AGAIN);
  if (before === message) return;
  wakeDispatchers(ctx);
  if (before !== null) return;
  audit(ctx, {
    kind: "runner.no_room",
    subject: { type: "town", id: ctx.townId },
    text: `The town ${message}`,
    reason: "at_capacity",
  });
}

/** There is room, or it is time to ask again: all that waited for a runner goes on at once. */
export function roomAgain(ctx: Ctx): void {
  if (townRow(ctx).no_room === null) return;
  ctx.sql.run("update town set no_room = null, no_room_at = null where id = 1");
  ctx.sql.run(
    `update outbox set due_at = ?1 where state = 'pending' and due_at > ?1 and kind not in (${WITHOUT_RUNNER_SQL})`,
    ctx.now,
  );
  schedule(ctx, "mayor", "mayor");
  wakeDispatchers(ctx);
}

/** When to ask again; null while there is room. A runner that is lost too often rests for longer. */
export function askAgainAt(ctx: Ctx): number | null {
  const { no_room_at: at, runner_rest_until: rest } = townRow(ctx);
  if (rest !== null && rest > ctx.now) return rest;
  return at === null ? null : at + ASK_AGAIN;
}
