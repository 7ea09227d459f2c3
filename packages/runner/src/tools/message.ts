/** What the relay has to know of one JSON-RPC message of an agent, and the answers that it makes itself. */
import { isRepeatable } from "@gastown/protocol";
import { z } from "zod";

const requestId = z.union([z.string(), z.number()]);
const shape = z.object({
  id: requestId.nullish(),
  method: z.string().nullish(),
  params: z
    .object({ name: z.unknown().optional(), requestId: requestId.optional().catch(undefined) })
    .nullish(),
});

export type RequestId = z.infer<typeof requestId>;

export interface Message {
  /** Null: nobody waits for an answer. */
  readonly id: RequestId | null;
  readonly isToolCall: boolean;
  /** Whether it may be sent again when nobody knows what became of it. */
  readonly isRepeatable: boolean;
  /** The request that it takes back. */
  readonly cancels: RequestId | null;
}

/** Of what is not understood nothing is assumed: the town says what is wrong with it. */
const UNKNOWN: Message = { id: null, isToolCall: false, isRepeatable: false, cancels: null };

export function readMessage(body: Buffer): Message {
  const parsed = shape.safeParse(json(body.toString("utf8")));
  if (!parsed.success || typeof parsed.data.method !== "string") return UNKNOWN;
  const { id = null, method, params } = parsed.data;
  const isToolCall = method === "tools/call";
  return {
    id,
    isToolCall,
    isRepeatable: !isToolCall || (typeof params?.name === "string" && isRepeatable(params.name)),
    cancels: method === "notifications/cancelled" ? (params?.requestId ?? null) : null,
  };
}

/** What the agent is told instead of the town's answer: the model reads a tool's result, never an error. */
export function failureOf({ id, isToolCall }: Message, code: string, text: string): string {
  if (!isToolCall) return JSON.stringify({ jsonrpc: "2.0", id, error: { code: -32_000, message: text } });
  const content = [{ type: "text", text: `${code}: ${text}` }];
  const structuredContent = { error: { code, message: text } };
  return JSON.stringify({ jsonrpc: "2.0", id, result: { isError: true, content, structuredContent } });
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
