/**
 * The turn queue of one session (spec/runner.md §4): one prompt outstanding, the rest waits here,
 * because agents disagree about a second prompt (spec/agents-facts.md §4) and cancel takes a
 * queue of theirs with it.
 */
import type {
  RequestPermissionRequest,
  RequestPermissionResponse,
  SessionUpdate,
} from "@agentclientprotocol/sdk";
import type { PermissionPolicy } from "@gastown/protocol";
import type { TurnReply } from "../agents/acp-agent.ts";
import { answerPermission, type Allowance } from "./permissions.ts";
import { QuietClock } from "./quiet-clock.ts";
import type { Transcript } from "./transcript.ts";
import type { UsageMeter } from "./usage-meter.ts";
import { within } from "../wait.ts";

export interface Prompt {
  readonly text: string;
  readonly source: "start" | "message" | "nudge" | "continue";
  readonly messageId: string | null;
  /** Of a prompt that is a nudge. */
  readonly nudgeId?: string;
}

export interface TurnEnd {
  readonly prompt: Prompt;
  /** Null when the agent answered with an error. */
  readonly reply: TurnReply | null;
  readonly error: unknown;
  /** Cancelled by our own clock. */
  readonly stalled: boolean;
  /** Cancelled, by that clock or because something else was to be said. */
  readonly cancelled: boolean;
  /** Something came from the model in it. */
  readonly answered: boolean;
  /** Titles of what the agent asked for and was not allowed. */
  readonly denied: readonly string[];
}

/** The agent's side of a turn. */
export interface TurnAgent {
  prompt(text: string): Promise<TurnReply>;
  cancel(): Promise<void>;
  /** Ends the whole process: the last resort for a turn that does not end. */
  kill(): void;
}

export interface TurnOptions {
  readonly transcript: Transcript;
  readonly usage: UsageMeter;
  readonly permission: () => PermissionPolicy;
  /** Asks a person; `signal` aborts when the turn does not want the answer any more. */
  readonly ask: (request: RequestPermissionRequest, signal: AbortSignal) => Promise<Allowance>;
  readonly quietMs: number;
  readonly cancelMs: number;
  readonly onBegin?: (prompt: Prompt) => void;
  /** Something came from the model, for the first time in this turn. */
  readonly onAnswer?: () => void;
  readonly onEnd: (end: TurnEnd) => void;
}

interface Running {
  readonly prompt: Prompt;
  readonly over: Promise<void>;
  cancelled: boolean;
  stalled: boolean;
  answered: boolean;
  readonly denied: string[];
  /** Aborts when it is cancelled or over. */
  readonly wanted: AbortController;
}

/** Updates that nothing but a model's answer brings about. */
const ANSWERS: readonly SessionUpdate["sessionUpdate"][] = [
  "agent_message_chunk",
  "agent_thought_chunk",
  "tool_call",
  "plan",
];

export class Turns {
  readonly #options: TurnOptions;
  readonly #quiet: QuietClock;
  readonly #queue: Prompt[] = [];
  #running: Running | null = null;
  #agent: TurnAgent | null = null;
  #lastEventAt: number | null = null;
  #taken = 0;

  constructor(options: TurnOptions) {
    this.#options = options;
    this.#quiet = new QuietClock(options.quietMs, () => this.#onQuiet());
  }

  get isRunning(): boolean {
    return this.#running !== null;
  }

  get waiting(): number {
    return this.#queue.length;
  }

  /** How many turns have begun. */
  get taken(): number {
    return this.#taken;
  }

  get activeTools(): string[] {
    return this.#quiet.tools;
  }

  get lastEventAt(): number | null {
    return this.#lastEventAt;
  }

  useAgent(agent: TurnAgent): void {
    this.#agent = agent;
  }

  /** `first`: before what waits already. */
  add(prompt: Prompt, first = false): void {
    if (first) this.#queue.unshift(prompt);
    else this.#queue.push(prompt);
  }

  clear(): void {
    this.#queue.length = 0;
  }

  /** Takes back what would be next; null: nothing waits. */
  drop(): Prompt | null {
    return this.#queue.shift() ?? null;
  }

  /** Begins the next turn, if there is one and none is running. */
  next(): boolean {
    const agent = this.#agent;
    if (agent === null || this.#running !== null) return false;
    const prompt = this.#queue.shift();
    if (prompt === undefined) return false;
    this.#taken += 1;
    const over = Promise.withResolvers<void>();
    const running: Running = {
      prompt,
      over: over.promise,
      cancelled: false,
      stalled: false,
      answered: false,
      denied: [],
      wanted: new AbortController(),
    };
    this.#running = running;
    this.#options.onBegin?.(prompt);
    void this.#run(agent, running, over.resolve);
    return true;
  }

  update(update: SessionUpdate): void {
    this.#lastEventAt = Date.now();
    if (ANSWERS.includes(update.sessionUpdate)) this.#answered();
    this.#options.usage.update(update);
    this.#options.transcript.update(update);
    if (update.sessionUpdate !== "tool_call" && update.sessionUpdate !== "tool_call_update")
      return this.#quiet.heard();
    // An update that comes after its turn must not leave a tool open for ever.
    if (this.#running === null) return undefined;
    return this.#quiet.tool(update.toolCallId, update.title ?? undefined, update.status);
  }

  #answered(): void {
    if (this.#running === null || this.#running.answered) return;
    this.#running.answered = true;
    this.#options.onAnswer?.();
  }

  /** There always is an answer: one that stays open would block the conversation for ever. */
  async permission(request: RequestPermissionRequest): Promise<RequestPermissionResponse> {
    this.#quiet.heard();
    const running = this.#running;
    if (running === null || running.cancelled) return answerPermission(request, "cancelled");
    const policy = this.#options.permission();
    const allowance =
      policy === "ask" ? await this.#ask(request, running) : policy === "deny" ? "deny" : "allow";
    if (allowance === "deny") running.denied.push(request.toolCall.title ?? "something");
    return answerPermission(request, allowance);
  }

  /** While a person decides, silence means nothing, as while a tool runs. */
  async #ask(request: RequestPermissionRequest, running: Running): Promise<Allowance> {
    const { toolCallId, title } = request.toolCall;
    const key = `permission:${toolCallId}`;
    this.#quiet.tool(key, `asks for permission: ${title ?? "something"}`, "pending");
    const allowance = await this.#options.ask(request, running.wanted.signal);
    if (this.#running === running) this.#quiet.tool(key, undefined, "completed");
    return allowance;
  }

  /** Asks the running turn to end; what waits begins after it. */
  cancel(): void {
    if (this.#running === null || this.#running.cancelled) return;
    this.#running.cancelled = true;
    this.#running.wanted.abort(new Error("The turn is cancelled."));
    this.#agent?.cancel().catch(() => undefined);
  }

  /**
   * Resolves when the running turn is over for certain: by itself within `graceMs`, by cancelling
   * it, or because its process was killed. Only then may its directory be given on.
   */
  async end(graceMs: number): Promise<void> {
    const running = this.#running;
    if (running === null) return;
    if (graceMs > 0 && (await within(running.over, graceMs))) return;
    this.cancel();
    if (await within(running.over, this.#options.cancelMs)) return;
    this.#agent?.kill();
    await running.over;
  }

  async #run(agent: TurnAgent, running: Running, markOver: () => void): Promise<void> {
    const end = await this.#take(agent, running);
    this.#running = null;
    running.wanted.abort(new Error("The turn is over."));
    markOver();
    this.#options.onEnd(end);
  }

  async #take(agent: TurnAgent, running: Running): Promise<TurnEnd> {
    const { transcript, usage } = this.#options;
    const { prompt } = running;
    transcript.turnStarted(prompt.source, prompt.text, prompt.messageId);
    this.#quiet.start();
    let reply: TurnReply | null = null;
    let error: unknown = null;
    try {
      reply = await agent.prompt(prompt.text);
      usage.turn(reply);
    } catch (thrown) {
      error = thrown;
    }
    this.#quiet.stop();
    const stopReason = running.stalled ? "stalled" : (reply?.stopReason ?? "error");
    transcript.turnEnded(stopReason);
    const { stalled, cancelled, answered, denied } = running;
    return { prompt, reply, error, stalled, cancelled, answered, denied };
  }

  #onQuiet(): void {
    const running = this.#running;
    if (running === null) return;
    running.stalled = true;
    this.#options.transcript.notice(
      "warning",
      "Nothing came from the agent for too long; its turn is cancelled.",
    );
    void this.end(0);
  }
}
