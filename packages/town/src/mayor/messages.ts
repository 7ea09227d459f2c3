/**
 * What people say to the mayor (spec/town.md §5, mayor): stored first, delivered when it can take it,
 * once and in order.
 *
 *   queued → delivered → answered
 *   delivered → queued        its turn was cut off; given once more, then a person is told
 *   delivered → interrupted   a person ended the turn or the session, or it was cut off twice
 */
import type { MayorMessageBody } from "@gastown/protocol";
import { audit } from "../audit/audit.ts";
import { escalate } from "../escalations/escalations.ts";
import type { Ctx } from "../kernel/context.ts";
import { toJson } from "../kernel/json.ts";
import { schedule } from "../kernel/schedule.ts";
import type { Row } from "../kernel/sql.ts";
import { findRig } from "../rigs/rigs.ts";
import { noteDecision } from "./decision.ts";
import { takeContexts } from "./ui-context.ts";
import { mayorIsWanted } from "./wanted.ts";

export type MessageRow = Row & {
  seq: number;
  id: string;
  text: string;
  sender: string;
  at: number;
  state: "queued" | "delivered" | "answered" | "interrupted";
  session_id: string | null;
  deliveries: number;
  delivered_at: number | null;
  mode: "when_idle" | "now";
  /** Null: behind all that have one, in order of arrival. */
  position: number | null;
  rig_id: string | null;
  /** JSON: what its sender had on the screen. */
  context: string;
  /** The session that was cut off while it worked on this. */
  cut_session: string | null;
};

const MAX_DELIVERIES = 2;
/** The order of delivery. */
export const IN_ORDER = "order by mode = 'now' desc, position is null, position, seq";

/** Plain words, or what a person sent with them. */
export function queueMessage(ctx: Ctx, given: string | MayorMessageBody): string {
  const message = typeof given === "string" ? { message: given } : given;
  const id = ctx.id("message");
  const rigId = message.rigId === undefined ? null : findRig(ctx, message.rigId).id;
  ctx.sql.run(
    `insert into mayor_messages (id, text, sender, at, state, mode, rig_id, context)
     values (?, ?, ?, ?, 'queued', ?, ?, ?)`,
    id,
    message.message,
    toJson(ctx.actor),
    ctx.now,
    message.mode ?? "when_idle",
    rigId,
    toJson(takeContexts(ctx, ctx.actor.id, message.uiContext)),
  );
  audit(ctx, {
    kind: "mayor.message_received",
    subject: { type: "town", id: ctx.townId },
    text: `${ctx.actor.name} to the mayor: ${oneLine(message.message)}`,
    data: { messageId: id },
  });
  noteDecision(ctx, "message");
  mayorIsWanted(ctx);
  schedule(ctx, "mayor", "mayor");
  return id;
}

function oneLine(text: string): string {
  const flat = text.replace(/\s+/g, " ").trim();
  return flat.length > 160 ? `${flat.slice(0, 159)}…` : flat;
}

export function nextQueued(ctx: Ctx): MessageRow | undefined {
  return ctx.sql.get<MessageRow>(`select * from mayor_messages where state = 'queued' ${IN_ORDER} limit 1`);
}

export function inDelivery(ctx: Ctx): MessageRow | undefined {
  return ctx.sql.get<MessageRow>(
    "select * from mayor_messages where state = 'delivered' order by seq limit 1",
  );
}

export function markDelivered(ctx: Ctx, message: MessageRow, sessionId: string): void {
  ctx.sql.run(
    `update mayor_messages set state = 'delivered', session_id = ?, deliveries = deliveries + 1, delivered_at = ?,
       position = null where id = ?`,
    sessionId,
    ctx.now,
    message.id,
  );
  audit(ctx, {
    kind: "mayor.message_delivered",
    subject: { type: "town", id: ctx.townId },
    sessionId,
    text: message.deliveries === 0 ? "The mayor was given a message" : "The mayor was given a message again",
    data: { messageId: message.id, durationMs: ctx.now - message.at },
  });
}

/** The turn on a message is over: it was answered, or a person ended it. */
export function turnOver(ctx: Ctx, messageId: string, cancelled: boolean): void {
  const changed = ctx.sql.get<{ id: string }>(
    "update mayor_messages set state = ? where id = ? and state = 'delivered' returning id",
    cancelled ? "interrupted" : "answered",
    messageId,
  );
  if (changed) noteOver(ctx, messageId, cancelled);
  schedule(ctx, "mayor", "mayor");
}

/** Whoever waits for an answer waits no longer. */
function noteOver(ctx: Ctx, messageId: string, interrupted: boolean): void {
  audit(ctx, {
    kind: "mayor.message_answered",
    subject: { type: "town", id: ctx.townId },
    text: interrupted ? "The mayor's turn was interrupted" : "The mayor has answered",
    data: { messageId, interrupted },
  });
}

/** A delivery that the runner refused goes back into the queue, uncounted. */
export function undeliver(ctx: Ctx, messageId: string): void {
  ctx.sql.run(
    "update mayor_messages set state = 'queued', deliveries = max(deliveries - 1, 0) where id = ? and state = 'delivered'",
    messageId,
  );
  schedule(ctx, "mayor", "mayor");
}

/**
 * What its session's end, or its runner's, means for the message that it worked on. `failure`: given
 * once more, then a person is told; `planned` (the runner was replaced): given again, uncounted;
 * `asked`: a person stopped the session, and with it this.
 */
export function turnCutOff(ctx: Ctx, sessionId: string, why: "failure" | "planned" | "asked"): void {
  const cut = ctx.sql.all<MessageRow>(
    "select * from mayor_messages where state = 'delivered' and session_id = ? order by seq",
    sessionId,
  );
  for (const message of cut) {
    const again = why === "planned" || (why === "failure" && message.deliveries < MAX_DELIVERIES);
    ctx.sql.run(
      "update mayor_messages set state = ?, cut_session = ?, deliveries = deliveries - ? where id = ?",
      again ? "queued" : "interrupted",
      sessionId,
      why === "planned" ? 1 : 0,
      message.id,
    );
    if (again) continue;
    noteOver(ctx, message.id, true);
    if (why === "failure") tellPerson(ctx, message);
  }
  schedule(ctx, "mayor", "mayor");
}

function tellPerson(ctx: Ctx, message: MessageRow): void {
  escalate(ctx, {
    severity: "medium",
    category: "mayor_interrupted",
    subject: message.id,
    title: "The mayor was interrupted twice on one message",
    body: `The message was: ${oneLine(message.text)}. Send it again when the cause is clear; gastown session list shows why the sessions ended.`,
    source: {},
  });
}
