import type { StartRequest } from "@gastown/protocol";
import type { TurnReply } from "../agents/acp-agent.ts";
import type { Opened } from "./open-session.ts";
import type { TurnAgent } from "./turns.ts";

/** One session's conversation with its agent, opened and ready for turns. */
export class Conversation implements TurnAgent {
  readonly opened: Opened;
  readonly #request: StartRequest;
  #systemOwed: boolean;
  #newToken: string | null = null;
  #killed = false;

  constructor(request: StartRequest, opened: Opened) {
    this.#request = request;
    this.opened = opened;
    this.#systemOwed = opened.systemInPrompt;
  }

  get id(): string {
    return this.opened.conversationId;
  }

  /** A renewed token, handed on before the next prompt: it means opening the conversation anew. */
  renew(token: string): void {
    this.#newToken = token;
  }

  async prompt(text: string): Promise<TurnReply> {
    const token = this.#newToken;
    this.#newToken = null;
    if (token !== null) await this.#reopen(token);
    const whole = this.#systemOwed ? `${this.#request.system}\n\n${text}` : text;
    this.#systemOwed = false;
    return this.opened.agent.prompt(this.id, whole);
  }

  async #reopen(token: string): Promise<void> {
    const { agent, cwd } = this.opened;
    if (!agent.capabilities.load && !agent.capabilities.resume) return;
    await agent.reopen(this.id, cwd, { ...this.#request.mcp, token });
  }

  cancel(): Promise<void> {
    return this.opened.agent.cancel(this.id);
  }

  /** Whether the process was ended for this conversation's sake, and not for a neighbor's. */
  get killed(): boolean {
    return this.#killed;
  }

  kill(): void {
    this.#killed = true;
    this.opened.lease.process.kill();
  }

  close(): void {
    this.opened.agent.close(this.id).catch(() => undefined);
  }
}
