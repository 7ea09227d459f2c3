import type { SetTimer } from "./runner-process.ts";

/** The time of a host. */
export interface HostClock {
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Milliseconds of a clock that nobody sets. */
  readonly monotonic: () => number;
  readonly setTimer: SetTimer;
}

export const machineClock: HostClock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimer: (delayMs, fn) => {
    const timer = setTimeout(fn, delayMs).unref();
    return () => clearTimeout(timer);
  },
};

interface Timer {
  readonly at: number;
  readonly fn: () => void;
  cancel: () => void;
}

/**
 * Runs with a clock, and can be moved on: a test cannot wait for a grace period. What becomes due by a
 * move runs in the order of its time, as if it had been waited for.
 */
export class MovableClock implements HostClock {
  readonly #base: HostClock;
  readonly #timers = new Set<Timer>();
  #ahead: number;

  constructor(base: HostClock, aheadMs: number) {
    this.#base = base;
    this.#ahead = aheadMs;
  }

  readonly now = (): number => this.#base.now() + this.#ahead;

  /** That much time has gone by: nobody set the clock. */
  readonly monotonic = (): number => this.#base.monotonic() + this.#ahead;

  readonly setTimer: SetTimer = (delayMs, fn) => {
    const timer: Timer = { at: this.now() + delayMs, fn, cancel: () => undefined };
    this.#timers.add(timer);
    this.#arm(timer);
    return () => {
      this.#timers.delete(timer);
      timer.cancel();
    };
  };

  advance(ms: number): void {
    this.#ahead += ms;
    for (const timer of [...this.#timers].toSorted((a, b) => a.at - b.at)) {
      timer.cancel();
      this.#arm(timer);
    }
  }

  #arm(timer: Timer): void {
    timer.cancel = this.#base.setTimer(Math.max(0, timer.at - this.now()), () => {
      this.#timers.delete(timer);
      timer.fn();
    });
  }
}
