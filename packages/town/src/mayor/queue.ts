/** Messages that the mayor was not given yet, as people see and change them (spec/api.md §3.10). */
import { GastownError, type MayorQueueChange, type QueuedMessage } from "@gastown/protocol";
import { z } from "zod";
import { audit } from "../audit/audit.ts";
import type { Ctx } from "../kernel/context.ts";
import { iso } from "../kernel/iso.ts";
import { fromJson } from "../kernel/json.ts";
import { schedule } from "../kernel/schedule.ts";
import { IN_ORDER, type MessageRow } from "./messages.ts";

const sender = z.object({ kind: z.string(), id: z.string(), name: z.string() });

function queuedRows(ctx: Ctx): MessageRow[] {
  return ctx.sql.all<MessageRow>(`select * from mayor_messages where state = 'queued' ${IN_ORDER}`);
}

export function queuedMessages(ctx: Ctx): QueuedMessage[] {
  return queuedRows(ctx).map((row, i) => ({
    id: row.id,
    message: row.text,
    mode: row.mode,
    position: i + 1,
    from: fromJson(sender, row.sender) ?? { kind: "unknown", id: "unknown", name: "unknown" },
    createdAt: iso(row.at),
    interruptions: row.deliveries,
  }));
}

/** @throws GastownError `not_found`, `invalid_transition` for one that the mayor has already */
function mustBeQueued(ctx: Ctx, id: string): MessageRow {
  const row = ctx.sql.get<MessageRow>("select * from mayor_messages where id = ?", id);
  if (!row) throw new GastownError("not_found", `There is no message ${id} to the mayor.`);
  if (row.state === "queued") return row;
  throw new GastownError(
    "invalid_transition",
    "The mayor has this message already. Say something new, or interrupt its turn.",
    { state: row.state },
  );
}

export function changeQueued(ctx: Ctx, id: string, change: MayorQueueChange): QueuedMessage {
  const row = mustBeQueued(ctx, id);
  ctx.sql.run(
    "update mayor_messages set text = ?, mode = ? where id = ?",
    change.message ?? row.text,
    change.mode ?? row.mode,
    id,
  );
  if (change.position !== undefined) moveTo(ctx, id, change.position);
  schedule(ctx, "mayor", "mayor");
  const changed = queuedMessages(ctx).find((message) => message.id === id);
  if (!changed) throw new GastownError("internal", "The message has left the queue.");
  return changed;
}

/** Numbers the whole queue anew; messages for now stay before all others. */
function moveTo(ctx: Ctx, id: string, position: number): void {
  const ids = queuedRows(ctx)
    .map((row) => row.id)
    .filter((other) => other !== id);
  ids.splice(position - 1, 0, id);
  ids.forEach((one, i) =>
    ctx.sql.run("update mayor_messages set position = ? where id = ? and state = 'queued'", i + 1, one),
  );
}

export function deleteQueued(ctx: Ctx, id: string): void {
  mustBeQueued(ctx, id);
  ctx.sql.run("delete from mayor_messages where id = ?", id);
  audit(ctx, {
    kind: "mayor.message_deleted",
    subject: { type: "town", id: ctx.townId },
    text: `${ctx.actor.name} took back a message to the mayor`,
    data: { messageId: id },
  });
}
