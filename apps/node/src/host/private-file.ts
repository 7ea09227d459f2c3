import { chmodSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { errorCode } from "./data-dir.ts";

/**
 * Writes a file of mode 0600 so that a reader sees the old text or the new one, never half of it.
 */
export function writePrivate(path: string, text: string): void {
  const next = `${path}.${process.pid}.new`;
  writeFileSync(next, text, { mode: 0o600 });
  renameSync(next, path);
}

/** The text, or undefined when there is no such file. Rights of others are taken away on the way. */
export function readPrivate(path: string): string | undefined {
  try {
    const text = readFileSync(path, "utf8");
    if ((statSync(path).mode & 0o077) !== 0) chmodSync(path, 0o600);
    return text;
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}
