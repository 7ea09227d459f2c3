import { rmSync } from "node:fs";
import { z } from "zod";
import type { DataDir } from "./data-dir.ts";
import { readPrivate, writePrivate } from "./private-file.ts";

/**
 * How to reach the host that holds the lock: `host.json` in its data directory. The lock says that
 * a host runs, this only says where; what a killed host left is told apart by asking its `/health`.
 */
const hostRecord = z.object({
  pid: z.int(),
  /** When that process began (`process-identity.ts`). */
  start: z.string(),
  url: z.string(),
  version: z.string(),
  startedAt: z.string(),
});
export type HostRecord = z.infer<typeof hostRecord>;

export function writeHostRecord(dir: DataDir, record: HostRecord): void {
  writePrivate(dir.record, `${JSON.stringify(record, null, 2)}\n`);
}

/** Undefined where there is none, or where it is not readable as one. */
export function readHostRecord(dir: DataDir): HostRecord | undefined {
  try {
    const text = readPrivate(dir.record);
    return text === undefined ? undefined : hostRecord.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

export function removeHostRecord(dir: DataDir): void {
  rmSync(dir.record, { force: true });
}
