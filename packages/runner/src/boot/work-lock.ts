import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { GastownError } from "@gastown/protocol";

/**
 * Holds the work directory for the life of this process (spec/runner.md). SQLite's exclusive lock
 * is the operating system's: any death frees it, and there is no stale lock file.
 * @throws GastownError `already_exists` when another runner has it
 */
export function lockWorkDirectory(root: string): () => void {
  mkdirSync(root, { recursive: true, mode: 0o700 });
  const db = new DatabaseSync(join(root, "runner.lock"));
  try {
    db.exec("pragma busy_timeout = 0; begin exclusive");
  } catch {
    db.close();
    throw new GastownError(
      "already_exists",
      `Another runner holds ${root}. End it first, or let it go on; two never share worktrees.`,
    );
  }
  return () => db.close();
}
