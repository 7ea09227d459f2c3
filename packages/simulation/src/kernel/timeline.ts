/**
 * Virtual time and everything that is still to happen in it, in one order: by time, then by the order
 * in which it was asked for. One thread, no waiting; the same scenario always runs the same way.
 */
export const SECOND = 1_000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

interface Event {
  at: number;
  readonly order: number;
  readonly run: () => void;
  cancelled: boolean;
}

export interface Timer {
  cancel(): void;
}

export class Timeline {
  /** Milliseconds since the beginning; what a monotonic clock would show. */
  now = 0;
  #order = 0;
  readonly #heap: Event[] = [];

  /** Runs `run` in `delay` ms, after everything that was asked for the same moment before. */
  after(delay: number, run: () => void): Timer {
    const event: Event = {
      at: this.now + Math.max(0, Math.round(delay)),
      order: this.#order++,
      run,
      cancelled: false,
    };
    this.#push(event);
    return {
      cancel: () => {
        event.cancelled = true;
      },
    };
  }

  /** The machine slept: all that was to come comes that much later. */
  sleep(duration: number): void {
    for (const event of this.#heap) event.at += duration;
    this.now += duration;
  }

  /** Runs the next event not later than `end`; false, with the clock at `end`, where there is none. */
  step(end: number): boolean {
    for (;;) {
      const first = this.#heap[0];
      if (!first || first.at > end) {
        this.now = end;
        return false;
      }
      this.#pop();
      if (first.cancelled) continue;
      this.now = first.at;
      first.run();
      return true;
    }
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let i = heap.length;
    heap.push(event);
    while (i > 0) {
      const up = (i - 1) >> 1;
      const parent = heap[up];
      if (!parent || before(parent, event)) break;
      heap[i] = parent;
      i = up;
    }
    heap[i] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (!last || heap.length === 0) return;
    let i = 0;
    for (;;) {
      const left = 2 * i + 1;
      const [a, b] = [heap[left], heap[left + 1]];
      const least = a && b && before(b, a) ? b : a;
      if (!least || before(last, least)) break;
      heap[i] = least;
      i = least === a ? left : left + 1;
    }
    heap[i] = last;
  }
}

function before(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
