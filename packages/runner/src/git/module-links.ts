/**
 * A commit that names a submodule's commit which nobody else can have must not leave this machine: whoever checks
 * it out fails (spec/review.md §1: facts are proved).
 */
import type { GitContext } from "./context.ts";
import { GitFailure } from "./failure.ts";
import { modulesOf } from "./modules.ts";
import type { Module } from "./modules.ts";
import { gitWords } from "./remote-errors.ts";
import { inWorktree } from "./worktrees.ts";
import type { Worktree } from "./worktrees.ts";

interface Link {
  readonly path: string;
  readonly commit: string;
}

const SUBMODULE = "160000";

/** The submodules that a `diff --raw -z --no-abbrev` moves, with their new commits. Pure. */
function movedLinks(output: string): Link[] {
  const parts = output.split("\0");
  return parts.flatMap((part, index) => {
    const [, mode, , commit] = part.startsWith(":") ? part.split(" ") : [];
    const path = parts[index + 1];
    return mode === SUBMODULE && commit !== undefined && path !== undefined ? [{ path, commit }] : [];
  });
}

interface Looking {
  readonly context: GitContext;
  readonly tree: Worktree;
  readonly head: string;
  readonly signal: AbortSignal;
}

/** Whether the remote of its clone has it; null where the clone cannot say. */
async function isOnRemote(l: Looking, module: Module, commit: string): Promise<boolean | null> {
  const found = await l.context.git({
    at: inWorktree(module.tree),
    args: ["rev-list", "--max-count=1", commit, "--not", "--remotes", "--tags", "--"],
    signal: l.signal,
  });
  return found.ok ? found.stdout.trim() === "" : null;
}

/** Paths of the submodules that the head's `.gitmodules` names. */
async function namedPaths(l: Looking): Promise<Set<string>> {
  const args = ["config", "--blob", `${l.head}:.gitmodules`, "-z", "--get-regexp", "^submodule\\..*\\.path$"];
  const read = await l.context.git({ at: inWorktree(l.tree), args, signal: l.signal });
  return new Set(read.stdout.split("\0").map((entry) => entry.slice(entry.indexOf("\n") + 1)));
}

/**
 * Submodules that `head` has at a commit which nobody else has, of those that it moves from `base`. Throws
 * `GitFailure` where the two cannot be compared: then nothing is known of any.
 */
export async function linksNobodyHas(l: Looking, base: string): Promise<Link[]> {
  const args = [
    "diff",
    "--raw",
    "-z",
    "--no-abbrev",
    "--no-renames",
    "--no-ext-diff",
    `${base}...${l.head}`,
    "--",
  ];
  const diff = await l.context.git({ at: inWorktree(l.tree), args, signal: l.signal });
  if (!diff.ok)
    throw new GitFailure({
      phase: "worktree",
      code: "git_failed",
      message: `The work could not be compared with ${base}: ${gitWords(diff)}`,
      action: "Begin the branch at a commit of its target, and hand in again.",
    });
  const moved = movedLinks(diff.stdout);
  if (moved.length === 0) return [];
  const modules = await modulesOf(l.context, l.tree, l.signal);
  const named = await namedPaths(l);
  const lost: Link[] = [];
  for (const link of moved) {
    const module = modules.find(({ path }) => path === link.path);
    // A repository that lies in the worktree and is no submodule: its files are in nobody's clone.
    const known = module === undefined ? named.has(link.path) : await isOnRemote(l, module, link.commit);
    if (known === false) lost.push(link);
  }
  return lost;
}
