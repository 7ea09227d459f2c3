/** How long a session may say nothing between turns before it ends. One-shot. */
export class IdleClock {
  #timer: NodeJS.Timeout | null = null;

  start(ms: number, onIdle: () => void): void {
    this.stop();
    this.#timer = setTimeout(onIdle, ms);
    this.#timer.unref();
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
