/**
 * Starts git through a small process of its own. A process is started by copying the page tables of
 * the one that starts it: from the runner, which has everything in its memory, that takes several
 * times as long as from a process that has nothing, and the runner stands still meanwhile.
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { runChild } from "./child.ts";
import type { ChildOptions, ChildResult } from "./child.ts";
import type { StarterAnswer, StarterRequest } from "./starter-process.ts";

/** `runChild`, or something that does the same elsewhere. */
export type RunChild = (options: ChildOptions) => Promise<ChildResult>;

export interface StarterCommand {
  readonly command: string;
  readonly args: readonly string[];
  /** Its whole environment. */
  readonly env: Readonly<Record<string, string>>;
}

const LOST: ChildResult = {
  ended: "not_started",
  code: null,
  stdout: "",
  stderr: "The process that starts git has ended; whether this one ran is not known.",
};

/** Makes a `runChild` that works through a starter; when that ends, this process starts them itself. */
export function startThrough({ command, args, env }: StarterCommand, onLost: () => void): RunChild {
  const child = spawn(command, args, {
    env: { ...env },
    stdio: ["ignore", "inherit", "inherit", "ipc"],
    serialization: "advanced",
  });
  const calls = new Calls(child);
  child.once("error", () => calls.lose());
  child.once("disconnect", () => {
    calls.lose();
    onLost();
  });
  // It must not keep a runner alive that has nothing else to do.
  child.unref();
  child.channel?.unref();
  return (options) => (calls.lost ? runChild(options) : calls.run(options));
}

/** The calls that a starter has not answered yet. */
class Calls {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (result: ChildResult | null) => void>();
  #last = 0;
  #lost = false;

  constructor(child: ChildProcess) {
    this.#child = child;
    child.on("message", ({ id, result }: StarterAnswer) => this.#end(id, result));
  }

  get lost(): boolean {
    return this.#lost;
  }

  async run({ signal, ...start }: ChildOptions): Promise<ChildResult> {
    signal.throwIfAborted();
    this.#last += 1;
    const id = this.#last;
    const abort = (): void => this.#send({ id, abort: true });
    signal.addEventListener("abort", abort, { once: true });
    const answered = new Promise<ChildResult | null>((done) => {
      this.#waiting.set(id, done);
    });
    this.#child.channel?.ref();
    this.#send({ id, start });
    const result = await answered;
    signal.removeEventListener("abort", abort);
    signal.throwIfAborted();
    return result ?? LOST;
  }

  /** The starter is gone: nobody will answer. */
  lose(): void {
    this.#lost = true;
    for (const id of this.#waiting.keys()) this.#end(id, LOST);
  }

  #end(id: number, result: ChildResult | null): void {
    this.#waiting.get(id)?.(result);
    this.#waiting.delete(id);
    if (this.#waiting.size === 0) this.#child.channel?.unref();
  }

  #send(request: StarterRequest): void {
    this.#child.send(request, (error) => {
      if (error !== null) this.#end(request.id, LOST);
    });
  }
}
