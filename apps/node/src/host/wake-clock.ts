import { WakeHeap } from "./wake-heap.ts";

/** Longer delays make `setTimeout` fire at once. */
const LONGEST_DELAY_MS = 2 ** 31 - 1;

export interface WakeClockPorts {
  /** Epoch milliseconds. */
  now(): number;
  /** Milliseconds of a clock that nobody sets. */
  monotonic(): number;
  /** One-shot timer; returns what cancels it. */
  setTimer(delayMs: number, fn: () => void): () => void;
  /** It is time for this id. It is forgotten until it is set again. */
  wake(id: string): void;
}

/** A step of the wall clock by less than this is waited out, as towns do (spec/town.md §4, time). */
export const TOLERATED_STEP_MS = 60_000;

/**
 * All wakes of a host over one timer, which exists only while something is scheduled. Wakes are times of
 * the wall clock, which may be set back: then those that were asked for before are moved with it, or
 * they would be late by as much. Whatever was asked for since is early by that, which costs it one look.
 */
export class WakeClock {
  readonly #heap = new WakeHeap();
  readonly #ports: WakeClockPorts;
  #armed: { readonly at: number; readonly cancel: () => void } | undefined;
  /** What the wall clock was ahead of the monotonic one when it was last compared. */
  #ahead: number;
  #closed = false;

  constructor(ports: WakeClockPorts) {
    this.#ports = ports;
    this.#ahead = ports.now() - ports.monotonic();
  }

  get size(): number {
    return this.#heap.size;
  }

  /** Wakes `id` at `at` (epoch ms) instead of at any earlier answer; null: not at all. */
  set(id: string, at: number | null): void {
    this.#followClock();
    if (at === null) this.#heap.delete(id);
    else this.#heap.set(id, at);
    this.#arm();
  }

  close(): void {
    this.#closed = true;
    this.#armed?.cancel();
    this.#armed = undefined;
  }

  #followClock(): void {
    const ahead = this.#ports.now() - this.#ports.monotonic();
    const step = ahead - this.#ahead;
    this.#ahead = ahead;
    if (Math.abs(step) <= TOLERATED_STEP_MS) return;
    // Set ahead, or asleep for so long: what is due now is due. Set back: nothing becomes later by it.
    if (step < 0) this.#heap.shift(step);
    // The timer counts down to another time now.
    this.#armed?.cancel();
    this.#armed = undefined;
  }

  #arm(): void {
    if (this.#closed) return;
    const next = this.#heap.peek();
    if (next?.at === this.#armed?.at) return;
    this.#armed?.cancel();
    this.#armed = undefined;
    if (next === undefined) return;
    const delay = Math.min(Math.max(next.at - this.#ports.now(), 0), LONGEST_DELAY_MS);
    const cancel = this.#ports.setTimer(delay, () => {
      this.#armed = undefined;
      this.#followClock();
      for (const id of this.#heap.takeDue(this.#ports.now())) this.#ports.wake(id);
      this.#arm();
    });
    this.#armed = { at: next.at, cancel };
  }
}
