/**
 * Permission requests of one session that a person decides (spec/runner.md §4). Each is always answered in the
 * end: by the decision, or as cancelled with its turn, because one that stays open blocks the agent's
 * conversation (spec/agents-facts.md §8).
 */
import { randomUUID } from "node:crypto";
import type { RequestPermissionRequest } from "@agentclientprotocol/sdk";
import { permissionAnswer, RetryableError } from "@gastown/protocol";
import type { PermissionAnswer, PermissionAsked, StartRequest } from "@gastown/protocol";
import type { SessionDeps } from "./deps.ts";
import type { Allowance } from "./permissions.ts";
import type { Transcript } from "./transcript.ts";
import type { Prompt, TurnEnd } from "./turns.ts";
import { abortable, delay } from "../wait.ts";

type Decision = Exclude<PermissionAnswer["decision"], "pending">;

export interface PermissionAsksOptions {
  readonly request: StartRequest;
  readonly deps: Pick<SessionDeps, "town" | "sender" | "pulse"> & {
    readonly options: Pick<SessionDeps["options"], "log">;
  };
  readonly transcript: Pick<Transcript, "notice">;
}

const FIRST_RETRY_MS = 250;
const LONGEST_RETRY_MS = 10_000;
/** An agent that tries the same again and again is not told for ever. */
const TOLD_AT_MOST = 3;

export class PermissionAsks {
  readonly #options: PermissionAsksOptions;
  readonly #waiting = new Map<string, (decision: Decision) => void>();
  #told = 0;

  constructor(options: PermissionAsksOptions) {
    this.#options = options;
  }

  /** Those that wait for a decision. */
  get ids(): string[] {
    return [...this.#waiting.keys()];
  }

  /** The town's answer to a heartbeat. */
  decided(requestId: string, decision: Decision): void {
    this.#waiting.get(requestId)?.(decision);
  }

  /** Something was decided in the town: a heartbeat brings it. */
  wake(): void {
    if (this.#waiting.size > 0) void this.#options.deps.pulse.now();
  }

  /** `signal`: of the turn, which may end before anybody has decided. */
  async ask(asked: RequestPermissionRequest, signal: AbortSignal): Promise<Allowance> {
    const { request, deps, transcript } = this.#options;
    const body: PermissionAsked = { epoch: request.epoch, request_id: randomUUID(), ...partsOf(asked) };
    const { request_id } = body;
    const { promise, resolve } = Promise.withResolvers<Decision>();
    this.#waiting.set(request_id, resolve);
    transcript.notice("info", `Asks for permission: ${body.title}`);
    try {
      const answer = await this.#tell(body, signal);
      const decision = answer === "pending" ? await abortable(promise, signal) : answer;
      transcript.notice("info", `${decision === "allow" ? "Allowed" : "Not allowed"}: ${body.title}`);
      return decision;
    } catch (thrown) {
      if (!signal.aborted) deps.options.log("permission.failed", { request_id, message: String(thrown) });
      deps.sender.session(request.session_id, "permission/withdraw", { epoch: request.epoch, request_id });
      return "cancelled";
    } finally {
      this.#waiting.delete(request_id);
    }
  }

  /** Until the town has it: it may be away for a while. */
  async #tell(body: PermissionAsked, signal: AbortSignal): Promise<PermissionAnswer["decision"]> {
    const { request, deps } = this.#options;
    const path = `sessions/${request.session_id}/permission`;
    for (let pause = FIRST_RETRY_MS; ; pause = Math.min(2 * pause, LONGEST_RETRY_MS)) {
      try {
        return (await deps.town.post(path, JSON.stringify(body), { answer: permissionAnswer, signal }))
          .decision;
      } catch (thrown) {
        if (!(thrown instanceof RetryableError)) throw thrown;
      }
      await delay(pause, signal);
      signal.throwIfAborted();
    }
  }

  /**
   * What an agent must be told that was refused something: a refusal may end its turn without a word to its
   * model (spec/agents-facts.md §8). Null: nothing. A mayor's person knows what they refused.
   */
  afterTurn({ denied, reply }: TurnEnd): Prompt | null {
    if (denied.length === 0 || reply?.stopReason !== "end_turn") return null;
    if (this.#options.request.role === "mayor" || this.#told >= TOLD_AT_MOST) return null;
    this.#told += 1;
    return { text: refusedText(denied), source: "continue", messageId: null };
  }
}

function refusedText(denied: readonly string[]): string {
  const what = denied.map((title) => `- ${title}`).join("\n");
  return `You were not allowed to do this:\n${what}\nDo not try it again. Go on in another way, or say with gt_escalate what you need.`;
}

function partsOf({ toolCall }: RequestPermissionRequest): Pick<PermissionAsked, "tool" | "title" | "detail"> {
  const detail = toolCall.rawInput === undefined ? "" : JSON.stringify(toolCall.rawInput, null, 2);
  const tool = toolCall.kind ?? "other";
  return { tool, title: (toolCall.title ?? tool).slice(0, 1_000), detail: detail.slice(0, 4_000) };
}
