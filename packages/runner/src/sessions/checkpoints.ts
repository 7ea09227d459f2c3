/**
 * Where the disk does not outlive the runner, what a session does is saved every few minutes while it
 * works (spec/runner.md §5 "WIP safety"). One timer at a time, begun by work: a session that does nothing
 * has none, and one that changed nothing pushes nothing.
 */
import type { SetTimer } from "../options.ts";

export interface CheckpointOptions {
  readonly everyMs: number;
  readonly setTimer: SetTimer;
  readonly isWorking: () => boolean;
  /** Never rejects. */
  readonly save: (signal: AbortSignal) => Promise<void>;
}

export class Checkpoints {
  readonly #options: CheckpointOptions;
  readonly #abort = new AbortController();
  #cancel: (() => void) | null = null;
  #saving: Promise<void> | null = null;

  constructor(options: CheckpointOptions) {
    this.#options = options;
  }

  /** It works: what that comes to is saved in time, also when it has stopped by then. */
  begin(): void {
    if (this.#abort.signal.aborted || this.#cancel !== null || this.#saving !== null) return;
    this.#cancel = this.#options.setTimer(this.#options.everyMs, () => void this.#due());
  }

  /** Resolves when nothing of it runs any more: the end saves by itself. */
  async end(): Promise<void> {
    this.#abort.abort(new Error("The session ends, and its end saves its work."));
    this.#cancel?.();
    this.#cancel = null;
    await this.#saving;
  }

  async #due(): Promise<void> {
    this.#cancel = null;
    this.#saving = this.#options.save(this.#abort.signal);
    await this.#saving;
    this.#saving = null;
    if (this.#options.isWorking()) this.begin();
  }
}
