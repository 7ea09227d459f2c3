/** What a worktree holds right now. */
import type { GitContext } from "./context.ts";
import type { GitResult } from "./git.ts";
import { inWorktree } from "./worktrees.ts";
import type { Worktree } from "./worktrees.ts";

export interface TreeStatus {
  /** Null: no commit yet. */
  readonly head: string | null;
  /** Null: a detached head. */
  readonly branch: string | null;
  readonly dirty: boolean;
  /** Files with conflicts that nobody resolved. */
  readonly unmerged: readonly string[];
}

/** Reads `status --porcelain=v2 --branch -z`. Pure. */
export function parseStatus(output: string): TreeStatus {
  let head: string | null = null;
  let branch: string | null = null;
  let dirty = false;
  const unmerged: string[] = [];
  for (const record of output.split("\0")) {
    if (record.startsWith("# branch.oid ")) head = record.slice("# branch.oid ".length);
    else if (record.startsWith("# branch.head ")) branch = record.slice("# branch.head ".length);
    else if (record !== "" && !record.startsWith("# ")) dirty = true;
    if (record.startsWith("u ")) unmerged.push(record.split(" ").slice(10).join(" "));
  }
  return {
    head: head === "(initial)" ? null : head,
    branch: branch === "(detached)" ? null : branch,
    dirty,
    unmerged,
  };
}

/** The status, or the call that failed. */
export async function readStatus(
  context: GitContext,
  tree: Worktree,
  signal: AbortSignal,
): Promise<TreeStatus | GitResult> {
  const args = [
    "status",
    "--porcelain=v2",
    "--branch",
    "--no-renames",
    "--untracked-files=normal",
    "--ignore-submodules=dirty",
    "-z",
  ];
  const result = await context.git({ at: inWorktree(tree), args, signal });
  return result.ok ? parseStatus(result.stdout) : result;
}
