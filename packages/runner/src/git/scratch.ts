/** Throw-away worktrees for gates and rebases. */
import { randomUUID } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { GitContext } from "./context.ts";
import { GitFailure } from "./failure.ts";
import { gitWords } from "./remote-errors.ts";
import { openWorktree, removeWorktree } from "./worktrees.ts";
import type { Worktree } from "./worktrees.ts";

/** Checks `commit` out, runs `work` there, and leaves no worktree behind however that ends. */
export async function withScratch<T>(
  context: GitContext,
  mirror: string,
  commit: string,
  signal: AbortSignal,
  work: (tree: Worktree) => Promise<T>,
): Promise<T> {
  const folder = join(context.root, "scratch");
  const dir = join(folder, randomUUID());
  await mkdir(folder, { recursive: true, mode: 0o700 });
  try {
    const args = ["worktree", "add", "--quiet", "--detach", dir, commit];
    const made = await context.git({ at: { gitDir: mirror }, args, signal });
    const tree = made.ok ? await openWorktree(mirror, dir) : null;
    if (tree === null) {
      const action = "Check the space and permissions of the data directory.";
      throw new GitFailure({ phase: "worktree", code: "git_failed", message: `${commit} could not be checked out: ${gitWords(made)}`, action });
    }
    return await work(tree);
  } finally {
    await removeWorktree(mirror, dir);
  }
}
