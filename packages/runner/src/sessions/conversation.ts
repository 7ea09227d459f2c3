import type { SessionChange, StartRequest } from "@gastown/protocol";
import type { TurnReply } from "../agents/acp-agent.ts";
import { setModel } from "./configure.ts";
import type { Applied } from "./configure.ts";
import type { Opened } from "./open-session.ts";
import { changedInstructions } from "./prompts.ts";
import type { TurnAgent } from "./turns.ts";

/**
 * One session's conversation with its agent, opened and ready for turns. What it was set to may differ
 * from what its request says by now: `needs` says how, and the next prompt or a move puts it right.
 */
export class Conversation implements TurnAgent {
  readonly #request: StartRequest;
  readonly #wantedKey: () => string;
  #opened: Opened;
  #applied: Applied;
  #systemOwed: boolean;
  #recapOwed: boolean;
  #killed = false;

  /** `wantedKey`: of the process that the session should be in, as its request stands. */
  constructor(request: StartRequest, opened: Opened, wantedKey: () => string) {
    this.#request = request;
    this.#wantedKey = wantedKey;
    this.#opened = opened;
    this.#applied = { model: opened.model, system: opened.system };
    this.#systemOwed = opened.systemInPrompt;
    this.#recapOwed = !opened.loaded;
  }

  get id(): string {
    return this.#opened.conversationId;
  }

  get opened(): Opened {
    return this.#opened;
  }

  /** What would have to be done for it to be as its request says. */
  get needs(): Extract<SessionChange, "none" | "next_turn" | "move"> {
    const { lease } = this.#opened;
    if (lease.key !== this.#wantedKey() || (lease.isRecycled && this.canMove)) return "move";
    return this.#owesModel || this.#owesInstructions ? "next_turn" : "none";
  }

  /** Whether another process can take it up as it is. */
  get canMove(): boolean {
    const { load, resume } = this.#opened.agent.capabilities;
    return this.#opened.runtime.supportsLoad && (load || resume);
  }

  get #owesModel(): boolean {
    return this.#canChooseModel && this.#request.model !== this.#applied.model;
  }

  get #canChooseModel(): boolean {
    return this.#opened.options.includes("model");
  }

  /** Where the instructions are part of the launch spec, or of nothing, a prompt need not tell them. */
  get #owesInstructions(): boolean {
    const { rolePrompt } = this.#opened.runtime;
    return rolePrompt === "first_prompt" && this.#request.system !== this.#applied.system;
  }

  /** The same conversation in another process. */
  moved(opened: Opened): void {
    this.#opened = opened;
    this.#applied = { model: opened.model, system: opened.system };
  }

  /** Sets the wanted model now, also while a turn runs: the agent's next request uses it. */
  async applyModel(): Promise<void> {
    if (!this.#owesModel) return;
    const { model, runtime } = this.#request;
    const wanted = model ?? this.#opened.defaultModel;
    if (wanted !== null) await setModel(this.#opened.agent, this.id, runtime, wanted);
    this.#applied.model = model;
  }

  async prompt(text: string): Promise<TurnReply> {
    await this.applyModel();
    return this.#opened.agent.prompt(this.id, [...this.#owed(), text].join("\n\n"));
  }

  /** What must stand before the next words, once. */
  #owed(): string[] {
    const { system, recap } = this.#request;
    const parts: string[] = [];
    if (this.#systemOwed) parts.push(system);
    else if (this.#owesInstructions) parts.push(changedInstructions(system));
    if (this.#recapOwed && typeof recap === "string") parts.push(recap);
    this.#systemOwed = false;
    this.#recapOwed = false;
    this.#applied.system = system;
    return parts;
  }

  cancel(): Promise<void> {
    return this.#opened.agent.cancel(this.id);
  }

  /** Whether the process was ended for this conversation's sake, and not for a neighbor's. */
  get killed(): boolean {
    return this.#killed;
  }

  kill(): void {
    this.#killed = true;
    this.#opened.lease.process.kill();
  }

  close(): void {
    this.#opened.agent.close(this.id).catch(() => undefined);
  }
}
