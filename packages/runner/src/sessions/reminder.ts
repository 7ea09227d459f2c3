/**
 * An agent that ended its turn without an outcome is asked once to finish or to say what blocks it; then it
 * may be idle for a while (spec/runner.md §4).
 */
import type { SessionDeps } from "./deps.ts";
import { IdleClock } from "./idle-clock.ts";

export interface ReminderOptions {
  readonly sessionId: string;
  readonly pulse: Pick<SessionDeps["pulse"], "freshVerdict">;
  readonly signal: AbortSignal;
  /** Read at each start, because settings change. */
  readonly idleMs: () => number;
  /** Whether there is still nothing that the agent could do. */
  readonly isAtRest: () => boolean;
  readonly onAsk: () => void;
  readonly onIdle: () => void;
}

export class Reminder {
  readonly #options: ReminderOptions;
  readonly #idle: IdleClock;
  #asked = false;
  #asking = false;

  constructor(options: ReminderOptions) {
    this.#options = options;
    this.#idle = new IdleClock(options.idleMs, options.onIdle);
  }

  /** Nothing runs and nothing waits. An agent that was never told anything has nothing to finish. */
  atRest(hasWorked: boolean): void {
    if (this.#asked || !hasWorked) this.#idle.start();
    else void this.#ask();
  }

  /** A turn begins, or the session ends. */
  stop(): void {
    this.#idle.stop();
  }

  /**
   * Only when the town, asked after the turn, still counts the session as live: a verdict or an outcome
   * of this turn may have ended it.
   */
  async #ask(): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    const { pulse, sessionId, signal, isAtRest, onAsk } = this.#options;
    const verdict = await pulse.freshVerdict(sessionId, signal);
    this.#asking = false;
    if (!isAtRest()) return;
    if (verdict !== "ok") return this.#idle.start();
    this.#asked = true;
    onAsk();
  }
}
