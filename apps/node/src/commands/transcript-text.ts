import type { TranscriptItem } from "@gastown/protocol";
import { z } from "zod";
import { cut } from "../cli/output.ts";

const chunk = z.object({
  update: z.object({
    sessionUpdate: z.string(),
    content: z
      .object({ type: z.literal("text"), text: z.string() })
      .optional()
      .catch(undefined),
    title: z.string().optional().catch(undefined),
    status: z.string().optional().catch(undefined),
  }),
});
const turn = z.object({ phase: z.string(), text: z.string().optional(), stopReason: z.string().optional() });
const noticed = z.object({ text: z.string() });
const ended = z.object({ outcome: z.string().optional(), reason: z.unknown() });
const tool = z.object({
  name: z.string().optional(),
  tool: z.string().optional(),
  ok: z.boolean().optional(),
});

/** What the agent said in an item, or nothing. */
export function saidIn(item: TranscriptItem): string {
  if (item.type !== "update") return "";
  const parsed = chunk.safeParse(item.data);
  if (!parsed.success || parsed.data.update.sessionUpdate !== "agent_message_chunk") return "";
  return parsed.data.update.content?.text ?? "";
}

/** One item of a transcript as a person reads it; empty where there is nothing to read. */
export function transcriptText(item: TranscriptItem): string {
  const time = new Date(item.at).toISOString().slice(11, 19);
  const text = textOf(item);
  return text === "" ? "" : `${time}  ${text}`;
}

function textOf(item: TranscriptItem): string {
  switch (item.type) {
    case "update":
      return updateText(item);
    case "turn": {
      const parsed = turn.safeParse(item.data);
      if (!parsed.success) return "";
      const { phase, text, stopReason } = parsed.data;
      return phase === "started" ? `» ${cut(text ?? "", 300)}` : `  (turn over: ${stopReason ?? "done"})`;
    }
    case "notice":
      return read(noticed, item, ({ text }) => `! ${text}`);
    case "tool_result":
      return read(
        tool,
        item,
        ({ name, tool: other, ok }) => `→ ${name ?? other ?? "tool"}${ok === false ? " failed" : ""}`,
      );
    case "end":
      return read(ended, item, ({ outcome }) => `The session ended: ${outcome ?? "over"}.`);
    case "start":
    default:
      return "The session started.";
  }
}

function updateText(item: TranscriptItem): string {
  const said = saidIn(item);
  if (said !== "") return said;
  const parsed = chunk.safeParse(item.data);
  if (!parsed.success) return "";
  const { sessionUpdate, title, status } = parsed.data.update;
  return sessionUpdate.startsWith("tool_call") && title !== undefined
    ? `· ${title}${status === undefined ? "" : ` (${status})`}`
    : "";
}

function read<T>(schema: z.ZodType<T>, item: TranscriptItem, text: (data: T) => string): string {
  const parsed = schema.safeParse(item.data);
  return parsed.success ? text(parsed.data) : "";
}
