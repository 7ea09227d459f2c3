import { awakeTimer } from "./awake-timer.ts";

/** Our own clock over a turn (spec/runner.md §4): no agent times out a stalled model. */
export class QuietClock {
  readonly #quietMs: number;
  readonly #onQuiet: () => void;
  #stopTimer: (() => void) | null = null;
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
    this.#stopTimer?.();
    this.#stopTimer = null;
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
    this.#stopTimer?.();
    this.#stopTimer = this.#tools.size > 0 ? null : awakeTimer(this.#quietMs, this.#onQuiet);
  }
}
