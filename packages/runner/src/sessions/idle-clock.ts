import { awakeTimer } from "./awake-timer.ts";

/**
 * How long a session may say nothing between turns before it ends. One-shot, and begun only after
 * the agent was asked to finish: a town that is slow to allow that is not an agent that is silent.
 */
export class IdleClock {
  readonly #ms: () => number;
  readonly #onIdle: () => void;
  #stopTimer: (() => void) | null = null;

  /** `ms`: read at each start, because settings change. */
  constructor(ms: () => number, onIdle: () => void) {
    this.#ms = ms;
    this.#onIdle = onIdle;
  }

  start(): void {
    this.stop();
    this.#stopTimer = awakeTimer(this.#ms(), this.#onIdle);
  }

  stop(): void {
    this.#stopTimer?.();
    this.#stopTimer = null;
  }
}
