/** Where a host finds the runner of a town again after its own restart (spec/runner.md). */
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { processStartTime } from "../processes/process-table.ts";

export interface RunnerFile {
  readonly url: string;
  readonly bearer: string;
  readonly pid: number;
  /** With the pid it names one process: see `processStartTime`. */
  readonly start_time: string;
  readonly instance_id: string;
  readonly version: string;
}

const TEXTS = ["url", "bearer", "start_time", "instance_id", "version"];

/** Checked by hand: this file is loaded by every command, and a schema library is not free. */
function isRunnerFile(value: unknown): value is RunnerFile {
  if (typeof value !== "object" || value === null) return false;
  const fields = new Map<string, unknown>(Object.entries(value));
  return Number.isInteger(fields.get("pid")) && TEXTS.every((name) => typeof fields.get(name) === "string");
}

const pathOf = (root: string): string => join(root, "runner.json");

/** The runner that last listened for this work directory, or null. It may be gone: see `isAlive`. */
export function readRunnerFile(root: string): RunnerFile | null {
  try {
    const value: unknown = JSON.parse(readFileSync(pathOf(root), "utf8"));
    return isRunnerFile(value) ? value : null;
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
