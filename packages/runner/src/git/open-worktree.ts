import type { GitContext } from "./context.ts";
import { inWorktree, isEmptied, noteFilled, openWorktree } from "./worktrees.ts";
import type { Worktree } from "./worktrees.ts";

/**
 * The worktree at `dir` as `openWorktree` gives it, with its files. Where somebody has removed the
 * directory, all that is left are its commits: without its files it would look as though the session
 * had deleted every one of them, and that would be saved as its work.
 */
export async function openWithFiles(
  context: GitContext,
  mirror: string,
  dir: string,
  signal: AbortSignal,
): Promise<Worktree | null> {
  const tree = await openWorktree(mirror, dir);
  if (tree === null || !(await isEmptied(tree))) return tree;
  // Fails where nothing was checked out yet: then there are no files that could be missed.
  const filled = await context.git({ at: inWorktree(tree), args: ["reset", "--hard", "--quiet"], signal });
  context.log("worktree.refilled", { dir, ok: filled.ok });
  await noteFilled(tree);
  return tree;
}
