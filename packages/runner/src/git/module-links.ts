/**
 * A commit that names a submodule's commit which nobody else can have must not leave this machine: whoever checks
 * it out fails (spec/review.md §1: facts are proved).
 */
import { join } from "node:path";
import type { GitContext } from "./context.ts";
import { GitFailure } from "./failure.ts";
import { modulesOf } from "./modules.ts";
import type { Module } from "./modules.ts";
import { gitWords } from "./remote-errors.ts";
import { inWorktree } from "./worktrees.ts";
import type { Worktree } from "./worktrees.ts";

interface Link {
  /** In the worktree of the session. */
  readonly path: string;
  readonly commit: string;
}

/** One that is not where it was. */
interface Moved extends Link {
  /** Where it was; null: it is new there. */
  readonly before: string | null;
}

const SUBMODULE = "160000";
const RAW = ["diff", "--raw", "-z", "--no-abbrev", "--no-renames", "--no-ext-diff"];

/** The submodules that a `diff --raw -z --no-abbrev` moves, with their new commits. Pure. */
function movedLinks(output: string): Moved[] {
  const parts = output.split("\0");
  return parts.flatMap((part, index) => {
    if (!part.startsWith(":")) return [];
    const [modeBefore, mode, before, commit] = part.slice(1).split(" ");
    const path = parts[index + 1];
    if (mode !== SUBMODULE || before === undefined || commit === undefined || path === undefined) return [];
    return [{ path, commit, before: modeBefore === SUBMODULE ? before : null }];
  });
}

/** The submodules in a `ls-tree -z`. Pure. */
function listedLinks(output: string): Moved[] {
  return output.split("\0").flatMap((entry) => {
    const [about = "", path] = entry.split("\t");
    const [mode, , commit] = about.split(" ");
    return mode === SUBMODULE && commit !== undefined && path !== undefined
      ? [{ path, commit, before: null }]
      : [];
  });
}

interface Looking {
  readonly context: GitContext;
  readonly tree: Worktree;
  readonly head: string;
  readonly signal: AbortSignal;
}

/** A commit of the worktree, or of a submodule in it, of which links are looked at. */
interface Place {
  readonly tree: Worktree;
  readonly commit: string;
  /** In the worktree of the session; empty for that itself. */
  readonly path: string;
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

/** Paths of the submodules that the `.gitmodules` of the commit names. */
async function namedPaths(l: Looking, { tree, commit }: Place): Promise<Set<string>> {
  const args = ["config", "--blob", `${commit}:.gitmodules`, "-z", "--get-regexp", "^submodule\\..*\\.path$"];
  const read = await l.context.git({ at: inWorktree(tree), args, signal: l.signal });
  const entries = read.stdout.split("\0").filter((entry) => entry !== "");
  return new Set(entries.map((entry) => entry.slice(entry.indexOf("\n") + 1)));
}

/** The links of a submodule's commit that its own move moves: all where it is new, or where it was is not known. */
async function movedInside(l: Looking, place: Place, before: string | null): Promise<Moved[]> {
  const at = inWorktree(place.tree);
  if (before !== null) {
    const diff = await l.context.git({
      at,
      args: [...RAW, before, place.commit, "--"],
      signal: l.signal,
    });
    if (diff.ok) return movedLinks(diff.stdout);
  }
  const named = [...(await namedPaths(l, place))];
  if (named.length === 0) return [];
  const args = ["ls-tree", "-z", "--full-tree", place.commit, "--", ...named];
  const listed = await l.context.git({ at, args, signal: l.signal });
  if (!listed.ok)
    throw unknown(`The submodules inside ${place.path} could not be listed`, listed, "Hand in again.");
  return listedLinks(listed.stdout);
}

/** What git did not answer is not taken for "none". */
function unknown(what: string, answer: Parameters<typeof gitWords>[0], action: string): GitFailure {
  const message = `${what}: ${gitWords(answer)}`;
  return new GitFailure({ phase: "worktree", code: "git_failed", message, action });
}

/** Goes only where a clone is, each time further inside: there are as many steps as clones at most. */
async function lostAmong(
  l: Looking,
  modules: readonly Module[],
  place: Place,
  moved: readonly Moved[],
): Promise<Link[]> {
  if (moved.length === 0) return [];
  const named = await namedPaths(l, place);
  const lost: Link[] = [];
  for (const { path: within, commit, before } of moved) {
    const path = join(place.path, within);
    const module = modules.find((one) => one.path === path);
    // A repository that lies in the worktree and is no submodule: its files are in nobody's clone.
    const known = module === undefined ? named.has(within) : await isOnRemote(l, module, commit);
    if (known === false) lost.push({ path, commit });
    if (known !== true || module === undefined) continue;
    const inside = { tree: module.tree, commit, path };
    lost.push(...(await lostAmong(l, modules, inside, await movedInside(l, inside, before))));
  }
  return lost;
}

/**
 * Submodules, however deep, that `head` has at a commit which nobody else has, of those that it moves from `base`.
 * Throws `GitFailure` where the two cannot be compared: then nothing is known of any.
 */
export async function linksNobodyHas(l: Looking, base: string): Promise<Link[]> {
  const args = [...RAW, `${base}...${l.head}`, "--"];
  const diff = await l.context.git({ at: inWorktree(l.tree), args, signal: l.signal });
  if (!diff.ok)
    throw unknown(
      `The work could not be compared with ${base}`,
      diff,
      "Begin the branch at a commit of its target, and hand in again.",
    );
  const moved = movedLinks(diff.stdout);
  if (moved.length === 0) return [];
  const modules = await modulesOf(l.context, l.tree, l.signal);
  return lostAmong(l, modules, { tree: l.tree, commit: l.head, path: "" }, moved);
}
