import { spawn } from "node:child_process";

export interface ShellResult {
  readonly code: number | null;
  readonly output: string;
}

const MAX_OUTPUT = 20_000;

/** Runs a program in `cwd` in a process group of its own, which ends with the turn. */
export function run(
  command: string,
  args: readonly string[],
  cwd: string,
  signal: AbortSignal,
  env: Readonly<Record<string, string>> = {},
): Promise<ShellResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      detached: true,
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    const take = (chunk: string): void => {
      output = (output + chunk).slice(-MAX_OUTPUT);
    };
    child.stdout.setEncoding("utf8").on("data", take);
    child.stderr.setEncoding("utf8").on("data", take);
    const kill = (): void => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
      } catch {
        // It has just ended by itself.
      }
    };
    signal.addEventListener("abort", kill, { once: true });
    child.once("error", reject);
    // `exit`, not `close`: something left in the background may hold the pipes open.
    child.once("exit", (code) => {
      signal.removeEventListener("abort", kill);
      resolve({ code, output });
    });
  });
}
