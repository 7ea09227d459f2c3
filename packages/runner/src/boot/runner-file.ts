/** Where a host finds the runner of a town again after its own restart (spec/runner.md). */
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { processStartTime } from "../processes/process-table.ts";

const runnerFile = z.object({
  url: z.string(),
  bearer: z.string(),
  pid: z.int(),
  /** With the pid it names one process: see `processStartTime`. */
  start_time: z.string(),
  instance_id: z.string(),
  version: z.string(),
});
export type RunnerFile = z.infer<typeof runnerFile>;

const pathOf = (root: string): string => join(root, "runner.json");

/** The runner that last listened for this work directory, or null. It may be gone: see `isAlive`. */
export function readRunnerFile(root: string): RunnerFile | null {
  try {
    return runnerFile.parse(JSON.parse(readFileSync(pathOf(root), "utf8")));
  } catch {
    return null;
  }
}

/** Whether exactly this process still runs, and not another one with its pid. */
export function isAlive(file: Pick<RunnerFile, "pid" | "start_time">): boolean {
  return processStartTime(file.pid) === file.start_time;
}

export function writeRunnerFile(root: string, file: RunnerFile): void {
  const next = `${pathOf(root)}.next`;
  writeFileSync(next, JSON.stringify(file), { mode: 0o600 });
  renameSync(next, pathOf(root));
}

/** Removes it, unless a later instance has written its own. */
export function removeRunnerFile(root: string, instanceId: string): void {
  if (readRunnerFile(root)?.instance_id === instanceId) rmSync(pathOf(root), { force: true });
}
