/** What a worktree holds now, as a tree: made through a copy of its index, so that nobody there notices. */
import { randomUUID } from "node:crypto";
import { copyFile, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import type { GitContext } from "./context.ts";
import type { GitResult } from "./git.ts";
import { inWorktree } from "./worktrees.ts";
import type { Worktree } from "./worktrees.ts";

/**
 * A copy as old as the index is. Many gits compare times in whole seconds, and look into a file only where
 * it is not older than the index: with a younger copy, a change of the same length in the second of the
 * last commit would be taken for none. No index yet (a killed checkout): git starts an empty one.
 */
async function copyIndex(from: string, to: string): Promise<void> {
  const age = await stat(from).catch(() => null);
  if (age === null) return;
  await copyFile(from, to);
  await utimes(to, age.atime, Math.floor(age.mtimeMs / 1_000));
}

/** Submodules by path, and the commit at which the tree is to have each; null: it is to have none there. */
export type Links = ReadonlyMap<string, string | null>;

/** The id of the tree of everything in the worktree but ignored files; else the call that failed. */
export async function snapshotTree(
  context: GitContext,
  tree: Worktree,
  signal: AbortSignal,
  links: Links = new Map<string, string | null>(),
): Promise<string | GitResult> {
  const index = join(tree.admin, `index.gastown-${randomUUID()}`);
  const run = (args: readonly string[]): Promise<GitResult> =>
    context.git({ at: inWorktree(tree), args, signal, env: { GIT_INDEX_FILE: index } });
  try {
    await copyIndex(join(tree.admin, "index"), index);
    const added = await run(["add", "--all"]);
    if (!added.ok) return added;
    for (const [path, commit] of links) {
      const place =
        commit === null ? ["--force-remove", path] : ["--add", "--cacheinfo", "160000", commit, path];
      const linked = await run(["update-index", ...place]);
      if (!linked.ok) return linked;
    }
    const written = await run(["write-tree"]);
    return written.ok ? written.stdout.trim() : written;
  } finally {
    await rm(index, { force: true });
    await rm(`${index}.lock`, { force: true });
  }
}
