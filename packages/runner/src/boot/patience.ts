import { delay } from "../wait.ts";

/** How long the end of a runner may take. It only ever gets shorter (spec/runner.md §6). */
export class Patience {
  readonly #noWait = new AbortController();
  readonly #hurry = new AbortController();

  /** Aborts when no running turn is waited for any more. */
  get noWait(): AbortSignal {
    return this.#noWait.signal;
  }

  /** Aborts when even a cancel is too slow: agents are killed, and saving has seconds. */
  get hurry(): AbortSignal {
    return this.#hurry.signal;
  }

  /** Turns may go on for so long from now, unless something shorter was said already. */
  waitAtMost(ms: number): void {
    void delay(ms, this.noWait).then(() => this.#noWait.abort());
  }

  endAtOnce(): void {
    this.#noWait.abort();
    this.#hurry.abort();
  }
}
