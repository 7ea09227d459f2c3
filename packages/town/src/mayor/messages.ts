/**
 * The mayor's conversation (spec/town.md §5, mayor): messages are stored first and delivered when it
 * can take them, once and in order.
 *
 *   queued → delivered → answered
 *   delivered → queued        its session ended before the turn did; given once more, then a person is told
 */
import type { ConversationEntry, MayorStatus } from "@gastown/protocol";
import { audit } from "../audit/audit.ts";
import { settings } from "../config/store.ts";
import { escalate } from "../escalations/escalations.ts";
import type { Ctx } from "../kernel/context.ts";
import { iso } from "../kernel/iso.ts";
import { fromJson, toJson } from "../kernel/json.ts";
import { schedule } from "../kernel/schedule.ts";
import type { Row } from "../kernel/sql.ts";
import type { SessionRow } from "../sessions/session-row.ts";
import { z } from "zod";

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
};

const MAX_DELIVERIES = 2;

export function queueMessage(ctx: Ctx, message: string): string {
  const id = ctx.id("message");
  ctx.sql.run(
    "insert into mayor_messages (id, text, sender, at, state) values (?, ?, ?, ?, 'queued')",
    id,
    message,
    toJson(ctx.actor),
    ctx.now,
  );
  audit(ctx, {
    kind: "mayor.message_received",
    subject: { type: "town", id: ctx.townId },
    text: `${ctx.actor.name} to the mayor: ${oneLine(message)}`,
    data: { messageId: id },
  });
  schedule(ctx, "mayor", "mayor");
  return id;
}

function oneLine(text: string): string {
  const flat = text.replace(/\s+/g, " ").trim();
  return flat.length > 160 ? `${flat.slice(0, 159)}…` : flat;
}

export function nextQueued(ctx: Ctx): MessageRow | undefined {
  return ctx.sql.get<MessageRow>("select * from mayor_messages where state = 'queued' order by seq limit 1");
}

export function inDelivery(ctx: Ctx): MessageRow | undefined {
  return ctx.sql.get<MessageRow>(
    "select * from mayor_messages where state = 'delivered' order by seq limit 1",
  );
}

export function markDelivered(ctx: Ctx, message: MessageRow, sessionId: string): void {
  ctx.sql.run(
    "update mayor_messages set state = 'delivered', session_id = ?, deliveries = deliveries + 1, delivered_at = ? where id = ?",
    sessionId,
    ctx.now,
    message.id,
  );
}

/** The turn that answers a message is over. */
export function markAnswered(ctx: Ctx, messageId: string): void {
  const changed = ctx.sql.get<{ id: string }>(
    "update mayor_messages set state = 'answered' where id = ? and state = 'delivered' returning id",
    messageId,
  );
  if (changed) {
    audit(ctx, {
      kind: "mayor.message_answered",
      subject: { type: "town", id: ctx.townId },
      text: "The mayor has answered",
      data: { messageId },
    });
  }
  schedule(ctx, "mayor", "mayor");
}

/** A delivery that the runner refused goes back into the queue, uncounted. */
export function undeliver(ctx: Ctx, messageId: string): void {
  ctx.sql.run(
    "update mayor_messages set state = 'queued', deliveries = max(deliveries - 1, 0) where id = ? and state = 'delivered'",
    messageId,
  );
  schedule(ctx, "mayor", "mayor");
}

/** A turn cut off by the end of its session is given to the next one, twice at most. */
export function mayorSessionEnded(ctx: Ctx, session: SessionRow): void {
  const cut = ctx.sql.all<MessageRow>(
    "select * from mayor_messages where state = 'delivered' and session_id = ? order by seq",
    session.id,
  );
  for (const message of cut) {
    const again = message.deliveries < MAX_DELIVERIES;
    ctx.sql.run(
      "update mayor_messages set state = ? where id = ?",
      again ? "queued" : "interrupted",
      message.id,
    );
    if (!again) tellPerson(ctx, message);
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

export function mayorStatus(ctx: Ctx): MayorStatus {
  const agent = ctx.sql.get<{ id: string }>("select id from agents where role = 'mayor' limit 1");
  const session = ctx.sql.get<{ id: string; state: string; busy: number }>(
    "select id, state, busy from sessions where role = 'mayor' and state <> 'ended' limit 1",
  );
  const queued =
    ctx.sql.get<{ n: number }>("select count(*) as n from mayor_messages where state = 'queued'")?.n ?? 0;
  const busy = inDelivery(ctx) !== undefined;
  const status = !session ? "idle" : session.state === "starting" ? "starting" : busy ? "active" : "waiting";
  return {
    agentId: agent?.id ?? null,
    sessionId: session?.id ?? null,
    status,
    queued,
    runtime: settings(ctx, null).role_runtimes.mayor,
  };
}

const chunk = z.object({
  update: z.object({
    sessionUpdate: z.literal("agent_message_chunk"),
    content: z.object({ text: z.string() }),
  }),
});

/** Messages and the mayor's answers, oldest first, the newest `limit` of each. */
export function conversation(ctx: Ctx, limit: number): ConversationEntry[] {
  const messages = ctx.sql.all<MessageRow>("select * from mayor_messages order by seq desc limit ?", limit);
  const spoken = ctx.sql.all<{ session_id: string; seq: number; at: number; data: string }>(
    `select t.session_id, t.seq, t.at, t.data from transcript t join sessions s on s.id = t.session_id
     where s.role = 'mayor' and t.type = 'update' order by t.at desc, t.seq desc limit ?`,
    limit * 20,
  );
  const entries: ConversationEntry[] = messages.toReversed().map((message) => ({
    messageId: message.id,
    from: "person",
    text: message.text,
    at: iso(message.at),
    state: message.state,
  }));
  for (const item of spoken.toReversed()) {
    const parsed = fromJson(chunk, item.data);
    if (!parsed) continue;
    entries.push({
      messageId: `${item.session_id}:${item.seq}`,
      from: "mayor",
      text: parsed.update.content.text,
      at: iso(item.at),
      state: "answered",
    });
  }
  return entries.toSorted((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0)).slice(-limit);
}
