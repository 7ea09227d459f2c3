import { WakeHeap } from "./wake-heap.ts";

/** Longer delays make `setTimeout` fire at once. */
const LONGEST_DELAY_MS = 2 ** 31 - 1;

export interface WakeClockPorts {
  /** Epoch milliseconds. */
  now(): number;
  /** One-shot timer; returns what cancels it. */
  setTimer(delayMs: number, fn: () => void): () => void;
  /** It is time for this id. It is forgotten until it is set again. */
  wake(id: string): void;
}

/** All wakes of a host over one timer, which exists only while something is scheduled. */
export class WakeClock {
  readonly #heap = new WakeHeap();
  readonly #ports: WakeClockPorts;
  #armed: { readonly at: number; readonly cancel: () => void } | undefined;
  #closed = false;

  constructor(ports: WakeClockPorts) {
    this.#ports = ports;
  }

  get size(): number {
    return this.#heap.size;
  }

  /** Wakes `id` at `at` (epoch ms) instead of at any earlier answer; null: not at all. */
  set(id: string, at: number | null): void {
    if (at === null) this.#heap.delete(id);
    else this.#heap.set(id, at);
    this.#arm();
  }

  close(): void {
    this.#closed = true;
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
      for (const id of this.#heap.takeDue(this.#ports.now())) this.#ports.wake(id);
      this.#arm();
    });
    this.#armed = { at: next.at, cancel };
  }
}
