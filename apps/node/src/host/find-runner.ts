import { join } from "node:path";
import { readRunnerFile } from "@gastown/runner";
import { readPrivate, writePrivate } from "./private-file.ts";
import type { FoundRunner } from "./runners.ts";

/** Where the runner of this work directory was told to report; its own file does not say. */
const reportsTo = (root: string): string => join(root, "reports-to");

export function noteReportsTo(root: string, apiUrl: string): void {
  writePrivate(reportsTo(root), apiUrl);
}

/** The runner that an earlier host left in this work directory; it may be gone. */
export function findRunner(root: string): FoundRunner | undefined {
  const file = readRunnerFile(root);
  if (file === null) return undefined;
  return {
    address: { url: file.url, bearer: file.bearer, instanceId: file.instance_id },
    pid: file.pid,
    start: file.start_time,
    version: file.version,
    apiUrl: readPrivate(reportsTo(root)) ?? "",
  };
}
