/**
 * The transcript of one session (spec/api.md §5.3): coalesced for at most 250 ms or 64 kB before
 * anything is stored. Order within a session never changes, except that a tool call or a state
 * update that is still in the buffer is replaced by its newer form in its place.
 */
import type { SessionUpdate } from "@agentclientprotocol/sdk";
import type { StartRequest } from "@gastown/protocol";
import type { NewItem } from "../callbacks/outbox.ts";
import { cutMiddle } from "./cut-middle.ts";

const WINDOW_MS = 250;
const WINDOW_BYTES = 64_000;
const MAX_TOOL_OUTPUT = 16_000;

const CHUNKS = new Set(["agent_message_chunk", "agent_thought_chunk", "user_message_chunk"]);
const LATEST = new Set([
  "plan",
  "usage_update",
  "available_commands_update",
  "current_mode_update",
  "config_option_update",
  "session_info_update",
]);

type Fields = Record<string, unknown>;

interface Pending {
  readonly key: string | null;
  readonly item: NewItem;
  /** Text of a chunk that further chunks are joined to. */
  text: string[] | null;
}

export class Transcript {
  readonly #store: (items: readonly NewItem[]) => void;
  readonly #now: () => number;
  #pending: Pending[] = [];
  #bytes = 0;
  #timer: NodeJS.Timeout | null = null;
  /** The latest state of each tool call: an update only names what changed. */
  readonly #tools = new Map<string, Fields>();
  #turn = 0;

  constructor(store: (items: readonly NewItem[]) => void, now: () => number = Date.now) {
    this.#store = store;
    this.#now = now;
  }

  update(update: SessionUpdate): void {
    const kind = update.sessionUpdate;
    if (CHUNKS.has(kind)) this.#chunk(update);
    else if (kind === "tool_call" || kind === "tool_call_update") this.#tool(update);
    else this.#push(LATEST.has(kind) ? kind : null, "update", { update: { ...update } });
  }

  started(data: Fields): void {
    this.#push(null, "start", data);
  }

  /** `messageId`: the message that the turn answers, by which the town finds the turn again. */
  turnStarted(promptSource: string, text: string, messageId: string | null = null): void {
    this.#turn += 1;
    this.#push(null, "turn", {
      turn: this.#turn,
      phase: "started",
      promptSource,
      ...(messageId === null ? {} : { messageId }),
      text: cutMiddle(text, MAX_TOOL_OUTPUT),
    });
  }

  turnEnded(stopReason: string): void {
    this.#push(null, "turn", { turn: this.#turn, phase: "ended", stopReason });
    this.#tools.clear();
    this.flush();
  }

  notice(level: "info" | "warning" | "error", text: string): void {
    this.#push(null, "notice", { level, text });
  }

  ended(outcome: string, reason: string, workRef: string | null): void {
    this.#push(null, "end", { outcome, reason, workRef });
    this.flush();
  }

  /** Stores what is in the buffer. */
  flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const items = this.#pending.map(({ item, text }) => (text === null ? item : joined(item, text)));
    this.#pending = [];
    this.#bytes = 0;
    if (items.length > 0) this.#store(items);
  }

  #chunk(update: SessionUpdate): void {
    const { content, messageId, sessionUpdate } = asChunk(update);
    const text = textOf(content);
    if (text === null) return this.#push(null, "update", { update: { ...update } });
    const key = `${sessionUpdate}:${messageId}`;
    const last = this.#pending.at(-1);
    if (last?.key !== key || last.text === null)
      return this.#push(key, "update", { update: { ...update } }, text);
    last.text.push(text);
    return this.#grow(text.length);
  }

  #tool(update: SessionUpdate): void {
    const { toolCallId, ...changed }: Fields = { ...update };
    const id = String(toolCallId);
    const set = Object.entries(changed).filter(([, value]) => value !== null && value !== undefined);
    const state = {
      ...this.#tools.get(id),
      ...Object.fromEntries(set),
      toolCallId: id,
      sessionUpdate: "tool_call",
    };
    this.#tools.set(id, state);
    this.#push(`tool:${id}`, "update", { update: cutOutput(state) });
  }

  #push(key: string | null, type: NewItem["type"], data: Fields, text: string | null = null): void {
    const item: NewItem = { at: this.#now(), type, data };
    const size = text === null ? JSON.stringify(data).length : text.length;
    const isChunk = text !== null;
    const place = key === null || isChunk ? -1 : this.#pending.findIndex((pending) => pending.key === key);
    const pending: Pending = { key, item, text: isChunk ? [text] : null };
    if (place === -1) this.#pending.push(pending);
    else this.#pending[place] = pending;
    this.#grow(size);
  }

  #grow(size: number): void {
    this.#bytes += size;
    if (this.#bytes >= WINDOW_BYTES) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), WINDOW_MS);
  }
}

function asChunk(update: SessionUpdate): { content: unknown; messageId: string; sessionUpdate: string } {
  const { content, messageId }: Fields = { ...update };
  return {
    content,
    messageId: typeof messageId === "string" ? messageId : "",
    sessionUpdate: update.sessionUpdate,
  };
}

function textOf(content: unknown): string | null {
  if (typeof content !== "object" || content === null || !("type" in content) || !("text" in content))
    return null;
  return content.type === "text" && typeof content.text === "string" ? content.text : null;
}

function joined(item: NewItem, text: readonly string[]): NewItem {
  const update: Fields = {
    ...(item.data["update"] as object),
    content: { type: "text", text: text.join("") },
  };
  return { ...item, data: { update } };
}

/** Whatever a tool printed is cut in the middle, wherever in the update it stands. */
function cutOutput(value: unknown): unknown {
  if (typeof value === "string") return cutMiddle(value, MAX_TOOL_OUTPUT);
  if (Array.isArray(value)) return value.map(cutOutput);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, cutOutput(inner)]));
}

/** The first item: whose session this is. */
export function startFields(request: StartRequest): Fields {
  const { role, agent, runtime, model, bead, resume } = request;
  return {
    session: request.session_id,
    agent: agent.id,
    role,
    bead: bead?.id ?? null,
    model,
    runtime,
    resumed: resume,
  };
}
