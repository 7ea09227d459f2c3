/** Waiting for facts instead of for time: everything that changes says so, and waiters look again. */
export class Facts {
  readonly #waiters = new Set<() => void>();

  changed(): void {
    for (const look of this.#waiters) look();
  }

  /** The first defined answer of `look`; fails after `timeoutMs` with what was waited for. */
  until<T>(what: string, look: () => T | undefined | null | false, timeoutMs = 90_000): Promise<T> {
    return new Promise((resolve, reject) => {
      const attempt = (): boolean => {
        const found = look();
        if (found === undefined || found === null || found === false) return false;
        clearTimeout(timer);
        this.#waiters.delete(attempt);
        resolve(found);
        return true;
      };
      const timer = setTimeout(() => {
        this.#waiters.delete(attempt);
        reject(new Error(`waited ${timeoutMs} ms in vain for ${what}`));
      }, timeoutMs);
      if (!attempt()) this.#waiters.add(attempt);
    });
  }
}
