/** Throw-away worktrees for gates and rebases. */
import { randomUUID } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { GitContext } from "./context.ts";
import { GitFailure } from "./failure.ts";
import { gitWords } from "./remote-errors.ts";
import { WITHOUT_LFS } from "./worktree-config.ts";
import { inWorktree, registerWorktree, removeWorktree } from "./worktrees.ts";
import type { Worktree } from "./worktrees.ts";

/** Checks `commit` out, runs `work` there, and leaves no worktree behind however that ends. */
export async function withScratch<T>(
  context: GitContext,
  mirror: string,
  commit: string,
  signal: AbortSignal,
  work: (tree: Worktree) => Promise<T>,
): Promise<T> {
  const folder = join(context.root, "scratch", randomUUID());
  const dir = join(folder, "tree");
  try {
    const tree = await registerWorktree(mirror, dir);
    const made = await context.git({
      at: inWorktree(tree),
      args: ["checkout", "--quiet", "--force", "--detach", commit, "--"],
      config: WITHOUT_LFS,
      signal,
    });
    if (!made.ok) {
      const action = "Check the space and permissions of the data directory.";
      throw new GitFailure({
        phase: "worktree",
        code: "git_failed",
        message: `${commit} could not be checked out: ${gitWords(made)}`,
        action,
      });
    }
    return await work(tree);
  } finally {
    await removeWorktree(mirror, dir);
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  }
}
