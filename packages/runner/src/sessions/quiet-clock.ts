/**
 * Our own clock over a turn (spec/runner.md §4): no agent times out a stalled model. The timer is
 * monotonic, so a machine that slept does not end a turn by waking up.
 */
export class QuietClock {
  readonly #quietMs: number;
  readonly #onQuiet: () => void;
  #timer: NodeJS.Timeout | null = null;
  #running = false;
  readonly #tools = new Map<string, string>();

  constructor(quietMs: number, onQuiet: () => void) {
    this.#quietMs = quietMs;
    this.#onQuiet = onQuiet;
  }

  /** Titles of the tools that run now. */
  get tools(): string[] {
    return [...this.#tools.values()];
  }

  start(): void {
    this.#running = true;
    this.#arm();
  }

  stop(): void {
    this.#running = false;
    this.#tools.clear();
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  /** Something came from the agent. */
  heard(): void {
    if (this.#running) this.#arm();
  }

  tool(id: string, title: string | undefined, status: string | null | undefined): void {
    if (status === "completed" || status === "failed") this.#tools.delete(id);
    else this.#tools.set(id, title ?? this.#tools.get(id) ?? "tool");
    this.heard();
  }

  /** While a tool runs silence means nothing: a test suite may take an hour. */
  #arm(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = this.#tools.size > 0 ? null : setTimeout(this.#onQuiet, this.#quietMs);
  }
}
