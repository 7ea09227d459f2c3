/**
 * The mayor's turns as the town has them: from the stored transcripts, which outlive the agent's own
 * store (spec/runner.md §4).
 */
import { z } from "zod";
import type { Ctx } from "../kernel/context.ts";
import { fromJson } from "../kernel/json.ts";
import { conversationSince } from "./past.ts";

export interface ToolUse {
  readonly title: string;
  readonly status: string;
  /** What it was asked and what it said, cut. */
  readonly input: string;
  readonly output: string;
}

export interface MayorTurn {
  readonly asked: string;
  readonly said: string;
  readonly tools: readonly ToolUse[];
}

const MAX_TURNS = 50;
/** More rows than this are not read for one summary, however long the turns were. */
const MAX_ROWS = 6_000;
const MAX_INPUT = 300;
const MAX_OUTPUT = 500;

const begun = z.object({
  phase: z.literal("started"),
  text: z.string(),
  messageId: z.string().nullable().optional(),
});
const spoken = z.object({
  update: z.object({
    sessionUpdate: z.literal("agent_message_chunk"),
    content: z.object({ text: z.string() }),
  }),
});
const tool = z.object({
  update: z.object({
    sessionUpdate: z.literal("tool_call"),
    toolCallId: z.string(),
    title: z.string().catch("a tool"),
    status: z.string().catch("unknown"),
    rawInput: z.unknown(),
    content: z.unknown(),
  }),
});

type ItemRow = { session_id: string; seq: number; type: string; data: string };

interface Building {
  asked: string;
  messageId: string | null;
  said: string;
  /** By the call's id: later items hold the whole state of a call. */
  tools: Map<string, ToolUse>;
}

/** What the tools did in the turn on this message that was cut off, in order; empty if nothing is known. */
export function toolsOfTurn(ctx: Ctx, sessionId: string, messageId: string): ToolUse[] {
  const rows = ctx.sql.all<ItemRow>(
    `select * from (select session_id, seq, type, data from transcript
       where session_id = ? and type in ('turn', 'update') order by seq desc limit ?) order by seq`,
    sessionId,
    MAX_ROWS,
  );
  const turn = turnsOf(rows).findLast((one) => one.messageId === messageId);
  return turn === undefined ? [] : [...turn.tools.values()];
}

/** The last turns of the present conversation, oldest first, across its sessions. */
export function lastTurns(ctx: Ctx): MayorTurn[] {
  const rows = ctx.sql.all<ItemRow>(
    `select t.session_id, t.seq, t.type, t.data from sessions s join transcript t on t.session_id = s.id
     where s.role = 'mayor' and s.started_at >= ? and t.type in ('turn', 'update')
     order by s.started_at desc, s.id desc, t.seq desc limit ?`,
    conversationSince(ctx),
    MAX_ROWS,
  );
  const messages = new Map(
    ctx.sql
      .all<{
        id: string;
        text: string;
      }>("select id, text from mayor_messages order by seq desc limit ?", MAX_TURNS * 2)
      .map(({ id, text }) => [id, text]),
  );
  return turnsOf(rows.toReversed())
    .slice(-MAX_TURNS)
    .map(({ asked, messageId, said, tools }) => ({
      // The message as it was sent, without what the town wrote around it.
      asked: (messageId === null ? undefined : messages.get(messageId)) ?? asked,
      said: said.trim(),
      tools: [...tools.values()],
    }));
}

function turnsOf(rows: readonly ItemRow[]): Building[] {
  const turns: Building[] = [];
  for (const row of rows) {
    if (row.type === "turn") {
      const start = fromJson(begun, row.data);
      if (start)
        turns.push({ asked: start.text, messageId: start.messageId ?? null, said: "", tools: new Map() });
      continue;
    }
    const turn = turns.at(-1);
    if (turn) take(turn, row.data);
  }
  return turns;
}

function take(turn: Building, data: string): void {
  const words = fromJson(spoken, data);
  if (words) {
    turn.said += words.update.content.text;
    return;
  }
  const call = fromJson(tool, data)?.update;
  if (!call) return;
  turn.tools.set(call.toolCallId, {
    title: call.title.slice(0, MAX_INPUT),
    status: call.status,
    input: shortJson(call.rawInput).slice(0, MAX_INPUT),
    output: texts(call.content).join(" ").slice(0, MAX_OUTPUT),
  });
}

function shortJson(value: unknown): string {
  return value === undefined || value === null ? "" : JSON.stringify(value);
}

/** Every text inside a tool's content, whatever the agent wrapped it in. */
function texts(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(texts);
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    key === "text" && typeof inner === "string" ? [inner] : texts(inner),
  );
}
