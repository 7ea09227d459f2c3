/** What the operating system says about processes. Linux reads /proc; elsewhere `ps` is asked. */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

export const HAS_PROC: boolean = process.platform === "linux";

function read(file: string): string | null {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return null;
  }
}

/**
 * When a process started, as text that is equal only for the same process: a pid alone may have
 * been given to another one. Null: there is no such process (a zombie counts as none).
 */
export function processStartTime(pid: number): string | null {
  if (!HAS_PROC) {
    try {
      return execFileSync("ps", ["-o", "lstart=", "-p", String(pid)], { encoding: "utf8" }).trim() || null;
    } catch {
      return null;
    }
  }
  const stat = read(`/proc/${pid}/stat`);
  if (stat === null) return null;
  // The name in parentheses may itself hold spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  if (fields[0] === "Z" || fields[0] === "X") return null;
  return fields[19] ?? null;
}

export interface MarkedProcess {
  readonly pid: number;
  readonly marker: string;
  /** Its working directory; null where that cannot be read. */
  readonly cwd: string | null;
}

export const MARKER = "GASTOWN_MARKER";

function cwdOf(pid: number): string | null {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return null;
  }
}

/** Every living process whose marker begins with `prefix`; empty where there is no /proc. */
export function markedProcesses(prefix: string): MarkedProcess[] {
  if (!HAS_PROC) return [];
  const found: MarkedProcess[] = [];
  for (const name of readdirSync("/proc")) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    const environment = read(`/proc/${name}/environ`);
    const start = environment?.indexOf(`${MARKER}=${prefix}`) ?? -1;
    if (environment === null || start === -1) continue;
    const end = environment.indexOf("\0", start);
    const marker = environment.slice(start + MARKER.length + 1, end === -1 ? undefined : end);
    if (processStartTime(pid) !== null) found.push({ pid, marker, cwd: cwdOf(pid) });
  }
  return found;
}
