import { CommandError, EXIT } from "./failure.ts";

/** Thrown by whatever waits when a person presses Ctrl-C. */
export function interruption(): CommandError {
  return new CommandError(EXIT.interrupted, "timeout", "Interrupted.");
}

/**
 * What Ctrl-C does while a command runs: it stops the command, unless something shorter than the
 * command takes the first one for itself. The second stops the command in any case.
 */
export class Interrupts {
  readonly #listen: (fn: () => void) => () => void;
  readonly #stop: () => void;
  #instead: (() => void) | null = null;
  #release: () => void;

  /** `listen` calls its function at the next Ctrl-C only, and returns what takes that back. */
  constructor(listen: (fn: () => void) => () => void, stop: () => void) {
    this.#listen = listen;
    this.#stop = stop;
    this.#release = listen(() => this.#take());
  }

  /** The next Ctrl-C calls `fn` and nothing else, until what is returned takes that back. */
  first(fn: () => void): () => void {
    this.#instead = fn;
    return () => {
      if (this.#instead === fn) this.#instead = null;
    };
  }

  end(): void {
    this.#release();
  }

  #take(): void {
    const instead = this.#instead;
    if (instead === null) return this.#stop();
    this.#instead = null;
    this.#release = this.#listen(() => this.#take());
    return instead();
  }
}
