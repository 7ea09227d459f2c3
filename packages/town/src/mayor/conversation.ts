/** What was said between people and the mayor, across its sessions (spec/api.md §3.10). */
import type { ConversationEntry } from "@gastown/protocol";
import { z } from "zod";
import type { Ctx } from "../kernel/context.ts";
import { iso } from "../kernel/iso.ts";
import { fromJson } from "../kernel/json.ts";
import type { MessageRow } from "./messages.ts";

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
