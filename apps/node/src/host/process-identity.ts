// cspell:ignore lstart
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

/**
 * When a process began, as text that differs between two processes that had the same id one after
 * the other; undefined when there is none. Never signal a stored pid without comparing this.
 */
export function processStart(pid: number): string | undefined {
  return process.platform === "linux" ? linuxStart(pid) : otherStart(pid);
}

/** Whether that very process still runs. */
export function isRunning(one: { pid: number; start: string }): boolean {
  return processStart(one.pid) === one.start;
}

function linuxStart(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The second field is the program's name in parentheses, which may itself contain spaces and ')'.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    // A zombie has ended, it is only not yet collected by its parent.
    return fields[0] === "Z" || fields[0] === "X" ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

function otherStart(pid: number): string | undefined {
  try {
    const text = execFileSync("ps", ["-o", "lstart=", "-p", String(pid)], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    return text.trim() || undefined;
  } catch {
    return undefined;
  }
}
