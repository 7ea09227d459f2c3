const FIRST_MS = 200;
const LONGEST_MS = 10_000;

/**
 * Waiting before the next try, by key: what fails for one session or route must not hold up the
 * others. The wait doubles with every failure in a row.
 */
export class Pauses {
  readonly #failures = new Map<string, number>();
  readonly #timers = new Map<string, NodeJS.Timeout>();

  has(key: string): boolean {
    return this.#timers.has(key);
  }

  /** Calls `then` after the key's pause, whose length in milliseconds is returned. */
  begin(key: string, then: () => void): number {
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, Math.min(failures + 1, 20));
    const ms = Math.min(FIRST_MS * 2 ** failures, LONGEST_MS);
    clearTimeout(this.#timers.get(key));
    const timer = setTimeout(() => {
      this.#timers.delete(key);
      then();
    }, ms);
    timer.unref();
    this.#timers.set(key, timer);
    return ms;
  }

  /** It worked: the next failure begins with the shortest pause again. */
  succeeded(key: string): void {
    this.#failures.delete(key);
  }

  /** Ends every pause now, without calling anything. */
  clear(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }
}
