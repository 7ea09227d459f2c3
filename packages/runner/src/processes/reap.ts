/**
 * Ends what an agent left behind (spec/runner.md §4): tool shells leave their process group and
 * outlive the agent, so they are found by the marker variable that they inherited.
 */
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, sep } from "node:path";
import { HAS_PROC, markedProcesses, processStartTime } from "./process-table.ts";

/** Begins the marker of every process that belongs to this work directory. */
export function directoryMarker(root: string): string {
  return createHash("sha256").update(root).digest("hex").slice(0, 16);
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It is gone already, which is what was wanted.
  }
}

/** For a process that has been killed and has not ended: it waits for a disk, or for its turn. */
const DYING_MS = 2_000;
const ROUND_MS = 5;
const never = new Int32Array(new SharedArrayBuffer(4));

/**
 * Kills until nothing that `wanted` accepts is left; what was forked meanwhile is found next round.
 * It waits for the ends (up to 2 s), because a directory is given on as soon as this returns.
 */
function killAll(
  prefix: string,
  wanted: (process: { marker: string; cwd: string | null; pid: number }) => boolean,
): number {
  const killed = new Set<number>();
  for (const until = performance.now() + DYING_MS; performance.now() < until;) {
    const left = markedProcesses(prefix).filter(wanted);
    if (left.length === 0) break;
    for (const { pid } of left) {
      kill(pid);
      killed.add(pid);
    }
    Atomics.wait(never, 0, 0, ROUND_MS);
  }
  return killed.size;
}

/** Ends what carries exactly this marker: one agent process and all that it started. */
export function reapMarker(marker: string): number {
  return killAll(marker, (process) => process.marker === marker);
}

/** Ends what one session's tools left running in its directory, in a process that goes on. */
export function reapDirectory(marker: string, dir: string, keep: number): number {
  const below = dir + sep;
  return killAll(marker, ({ cwd, pid, marker: found }) => {
    return found === marker && pid !== keep && cwd !== null && (cwd === dir || cwd.startsWith(below));
  });
}

/** Ends every process of earlier instances of this work directory. */
export function reapEarlier(root: string, instanceId: string): number {
  const prefix = directoryMarker(root);
  const own = `${prefix}.${instanceId}.`;
  const killed = killAll(prefix, ({ marker }) => !marker.startsWith(own));
  return killed + (HAS_PROC ? 0 : reapRecorded(root));
}

const recordsDir = (root: string): string => join(root, "processes");

/** Where there is no /proc, process groups are found by what was written when they were started. */
export function recordProcess(root: string, pid: number): () => void {
  if (HAS_PROC) return () => undefined;
  const file = join(recordsDir(root), String(pid));
  mkdirSync(recordsDir(root), { recursive: true, mode: 0o700 });
  writeFileSync(file, processStartTime(pid) ?? "", { mode: 0o600 });
  return () => rmSync(file, { force: true });
}

function reapRecorded(root: string): number {
  let killed = 0;
  mkdirSync(recordsDir(root), { recursive: true, mode: 0o700 });
  for (const name of readdirSync(recordsDir(root))) {
    const file = join(recordsDir(root), name);
    const pid = Number(name);
    if (processStartTime(pid) === readFileSync(file, "utf8")) {
      kill(-pid);
      killed += 1;
    }
    rmSync(file, { force: true });
  }
  return killed;
}
