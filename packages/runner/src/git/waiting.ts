/** Who waits for whom: shared calls, one at a time, at most so many. */

/** Rejects with the signal's reason as soon as it aborts; the work itself goes on for others. */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  let stop: () => void = () => undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    stop = () => reject(signal.reason instanceof Error ? signal.reason : new Error("aborted"));
    signal.addEventListener("abort", stop, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

interface Batch<R> {
  readonly items: Set<string>;
  readonly done: Promise<R>;
}

/**
 * Coalesces calls per key. Whoever comes while nothing has begun shares the next run; who comes
 * after a run began gets the one after it, because that run may have read the world too early.
 */
export class Batcher<R> {
  readonly #run: (key: string, items: ReadonlySet<string>) => Promise<R>;
  readonly #waiting = new Map<string, Batch<R>>();
  readonly #running = new Map<string, Promise<unknown>>();

  constructor(run: (key: string, items: ReadonlySet<string>) => Promise<R>) {
    this.#run = run;
  }

  add(key: string, items: readonly string[]): Promise<R> {
    const waiting = this.#waiting.get(key);
    if (waiting !== undefined) {
      for (const item of items) waiting.items.add(item);
      return waiting.done;
    }
    const wanted = new Set(items);
    const done = this.#begin(key, wanted);
    this.#waiting.set(key, { items: wanted, done });
    return done;
  }

  async #begin(key: string, items: ReadonlySet<string>): Promise<R> {
    await (this.#running.get(key) ?? Promise.resolve());
    this.#waiting.delete(key);
    const run = this.#run(key, items);
    const settled = run.then(
      () => undefined,
      () => undefined,
    );
    this.#running.set(key, settled);
    try {
      return await run;
    } finally {
      if (this.#running.get(key) === settled) this.#running.delete(key);
    }
  }
}

/** At most `slots` at once, first come first served. */
export class Semaphore {
  #free: number;
  readonly #queue: (() => void)[] = [];

  constructor(slots: number) {
    this.#free = slots;
  }

  async run<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    await this.#enter(signal);
    try {
      return await work();
    } finally {
      const next = this.#queue.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }

  async #enter(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#free > 0) {
      this.#free -= 1;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const enter = (): void => {
        signal.removeEventListener("abort", leave);
        resolve();
      };
      const leave = (): void => {
        this.#queue.splice(this.#queue.indexOf(enter), 1);
        reject(signal.reason instanceof Error ? signal.reason : new Error("aborted"));
      };
      this.#queue.push(enter);
      signal.addEventListener("abort", leave, { once: true });
    });
  }
}

/** One at a time per key. */
export class KeyedLock {
  readonly #locks = new Map<string, { lock: Semaphore; users: number }>();

  async run<T>(key: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const entry = this.#locks.get(key) ?? { lock: new Semaphore(1), users: 0 };
    this.#locks.set(key, entry);
    entry.users += 1;
    try {
      return await entry.lock.run(signal, work);
    } finally {
      entry.users -= 1;
      if (entry.users === 0) this.#locks.delete(key);
    }
  }
}
