/** What an agent may not do without a person's word: it asks, and waits for the decision (spec/runner.md §4). */
import type { HeartbeatSession, PermissionAnswer } from "@gastown/protocol";
import { SECOND } from "../kernel/timeline.ts";
import type { AgentSession } from "./agent-session.ts";

export class Permissions {
  readonly #session: AgentSession;
  readonly #waiting = new Map<string, () => void>();
  #count = 0;

  constructor(session: AgentSession) {
    this.#session = session;
  }

  /** Runs `run` once it is decided, whichever way. */
  ask(run: () => void): void {
    const requestId = `${this.#session.epoch}-${++this.#count}`;
    this.#waiting.set(requestId, run);
    this.#send(requestId);
  }

  #send(requestId: string): void {
    const { id, epoch, runner } = this.#session;
    runner.network.call<PermissionAnswer>({
      name: `${id} → town: permission ${requestId}`,
      timeoutMs: 10 * SECOND,
      deliver: () =>
        runner.host.request((town) =>
          town.askPermission(id, {
            epoch,
            request_id: requestId,
            tool: "execute",
            title: "Run a program",
            detail: "",
          }),
        ),
      done: (outcome) => {
        if (outcome.type === "lost" || outcome.type === "down")
          return this.#session.later(5 * SECOND, () => this.#send(requestId));
        if (outcome.type === "ok" && outcome.value.decision === "pending") return;
        this.decided(requestId);
      },
    });
  }

  /** Told by the town, perhaps twice. */
  decided(requestId: string): void {
    const run = this.#waiting.get(requestId);
    this.#waiting.delete(requestId);
    if (run) this.#session.later(0, run);
  }

  get told(): Pick<HeartbeatSession, "permissions"> {
    return this.#waiting.size === 0 ? {} : { permissions: [...this.#waiting.keys()] };
  }
}
