/** Who answers for every model; now and then it does not, for a while. */
import type { Timeline } from "../kernel/timeline.ts";

export class Provider {
  readonly #time: Timeline;
  #until = 0;

  constructor(time: Timeline) {
    this.#time = time;
  }

  fail(ms: number): void {
    this.#until = Math.max(this.#until, this.#time.now + ms);
  }

  recover(): void {
    this.#until = 0;
  }

  /** Milliseconds until it answers again; 0: it does. */
  get silentFor(): number {
    return Math.max(this.#until - this.#time.now, 0);
  }
}
