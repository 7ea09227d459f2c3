/** One child process in a group of its own: deadline, abort, bounded output, nothing left behind. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";

export interface ChildOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** The whole environment; nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  readonly input?: string | undefined;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly stdout: OutputLimit;
  readonly stderr: OutputLimit;
  /** Whether to end what the child left running in its group when it exited by itself. */
  readonly reapGroup: boolean;
  /** Told of everything on its standard output as it comes. Only where this process starts the child. */
  readonly onStdout?: (chunk: Buffer) => void;
}

/** `whole`: more than `bytes` ends the child as `overflow`. `tail`: only the last `bytes` are kept. */
interface OutputLimit {
  readonly keep: "whole" | "tail";
  readonly bytes: number;
}

export interface ChildResult {
  readonly ended: "exit" | "timeout" | "overflow" | "not_started";
  /** Null unless it exited by itself; a death by signal is 128 + its number, as in a shell. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const GRACE_MS = 2_000;
/** How long pipes that somebody else still holds may delay the result of a child that has exited. */
const PIPE_GRACE_MS = 1_000;
const SIGNALS: Partial<Record<NodeJS.Signals, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGKILL: 9,
  SIGSEGV: 11,
  SIGTERM: 15,
};

/** What is kept of a stream. */
export class Output {
  readonly #limit: OutputLimit;
  #chunks: Buffer[] = [];
  #size = 0;
  overflown = false;

  constructor(limit: OutputLimit) {
    this.#limit = limit;
  }

  add(chunk: Buffer): void {
    if (this.overflown) return;
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    if (this.#size <= this.#limit.bytes) return;
    if (this.#limit.keep === "whole") this.overflown = true;
    else if (this.#size > 2 * this.#limit.bytes) this.#cut();
  }

  #cut(): void {
    const kept = Buffer.concat(this.#chunks).subarray(-this.#limit.bytes);
    this.#chunks = [kept];
    this.#size = kept.length;
  }

  text(): string {
    if (this.#limit.keep === "tail") this.#cut();
    return Buffer.concat(this.#chunks).toString("utf8");
  }
}

/** Ends every process of the child's group; one that is gone already is fine. */
function killGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // The group is gone.
  }
}

function exitCode(code: number | null, signal: NodeJS.Signals | null): number {
  return code ?? 128 + ((signal === null ? undefined : SIGNALS[signal]) ?? 0);
}

/**
 * Runs one child to its end. Rejects with the signal's reason when aborted (after the group is
 * gone), and for nothing else.
 */
export async function runChild(options: ChildOptions): Promise<ChildResult> {
  options.signal.throwIfAborted();
  const stdout = new Output(options.stdout);
  const stderr = new Output(options.stderr);
  const result = await new Promise<Pick<ChildResult, "ended" | "code">>((resolve) => {
    const child = spawn(options.command, options.args, {
      cwd: options.cwd,
      env: { ...options.env },
      detached: true,
      stdio: [options.input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    });
    let ended: ChildResult["ended"] = "exit";
    let code: number | null = null;
    let kill: NodeJS.Timeout | undefined;
    let pipes: NodeJS.Timeout | undefined;
    const end = (why: ChildResult["ended"]): void => {
      if (kill !== undefined) return;
      ended = why;
      killGroup(child, "SIGTERM");
      kill = setTimeout(() => killGroup(child, "SIGKILL"), GRACE_MS);
    };
    const deadline = setTimeout(() => end("timeout"), options.timeoutMs);
    const aborted = (): void => end("exit");
    options.signal.addEventListener("abort", aborted, { once: true });
    const finish = (): void => {
      clearTimeout(deadline);
      clearTimeout(kill);
      clearTimeout(pipes);
      options.signal.removeEventListener("abort", aborted);
      resolve({ ended, code: ended === "exit" ? code : null });
    };
    const collect = (output: Output) => (chunk: Buffer) => {
      output.add(chunk);
      if (output.overflown) end("overflow");
    };
    child.stdout?.on("data", collect(stdout));
    if (options.onStdout !== undefined) child.stdout?.on("data", options.onStdout);
    child.stderr?.on("data", collect(stderr));
    child.stdin?.on("error", () => undefined).end(options.input);
    child.once("error", (error) => {
      stderr.add(Buffer.from(error.message));
      ended = "not_started";
      finish();
    });
    child.once("exit", (status, signal) => {
      code = exitCode(status, signal);
      if (options.reapGroup || kill !== undefined) killGroup(child, "SIGKILL");
      pipes = setTimeout(() => {
        child.stdout?.destroy();
        child.stderr?.destroy();
      }, PIPE_GRACE_MS);
    });
    child.once("close", finish);
  });
  options.signal.throwIfAborted();
  return { ...result, stdout: stdout.text(), stderr: stderr.text() };
}
