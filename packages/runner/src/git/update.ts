/**
 * Bringing a branch up to date with its target by a merge, and telling such a merge from any other push
 * (spec/review.md §4.4). Its first parent is the reviewed head, its second is in the target, and its tree
 * is what git itself makes of the two: nobody can have hidden anything in it.
 */
import type { EffectOutcome, UpdateBranchRequest } from "@gastown/protocol";
import type { GitContext } from "./context.ts";
import { parseMergeTree } from "./merge-commit.ts";
import { effectFailure } from "./outcomes.ts";
import { push } from "./push.ts";
import { branchRef } from "./refs.ts";
import { gitWords } from "./remote-errors.ts";
import type { RemoteOf } from "./remotes.ts";

interface Updating {
  readonly context: GitContext;
  readonly of: RemoteOf;
  readonly request: UpdateBranchRequest;
  readonly canPush: () => boolean;
  readonly signal: AbortSignal;
}

interface Merged {
  readonly tree: string;
  /** Empty: no conflicts. */
  readonly files: string[];
}

async function mergedTree(u: Updating, ours: string, theirs: string): Promise<Merged | string> {
  const args = ["merge-tree", "--write-tree", "-z", "--name-only", "--no-messages", ours, theirs];
  const result = await u.context.git({ at: { gitDir: u.of.mirror }, args, signal: u.signal });
  if (result.ended !== "exit" || (result.code !== 0 && result.code !== 1)) return gitWords(result);
  const { tree, files } = parseMergeTree(result.stdout);
  return { tree, files: result.code === 1 ? files : [] };
}

async function isAncestor(u: Updating, ancestor: string, of: string): Promise<boolean> {
  const args = ["merge-base", "--is-ancestor", ancestor, of];
  return (await u.context.git({ at: { gitDir: u.of.mirror }, args, signal: u.signal })).ok;
}

/** Whether `head` is the reviewed head with the target merged in and nothing else. */
async function isOnlyUpdate(u: Updating, head: string, target: string): Promise<boolean> {
  const args = ["log", "-1", "--format=%T %P", head, "--"];
  const shown = await u.context.git({ at: { gitDir: u.of.mirror }, args, signal: u.signal });
  const [tree, first, second, ...more] = shown.stdout.trim().split(" ");
  if (!shown.ok || first !== u.request.head_sha || second === undefined || more.length > 0) return false;
  if (!(await isAncestor(u, second, target))) return false;
  const merged = await mergedTree(u, first, second);
  return typeof merged !== "string" && merged.files.length === 0 && merged.tree === tree;
}

/** The heads of branch and target, with their commits in the mirror. */
async function fetched(u: Updating): Promise<{ head: string | null; target: string | null }> {
  const refs = [branchRef(u.request.branch), branchRef(u.request.target)] as const;
  const heads = await u.context.remotes.fetch(u.of, [...refs], u.signal);
  return { head: heads.get(refs[0]) ?? null, target: heads.get(refs[1]) ?? null };
}

async function look(u: Updating): Promise<EffectOutcome | { head: string; target: string }> {
  const { head, target } = await fetched(u);
  if (head === null) return { outcome: "missing_ref", ref: branchRef(u.request.branch) };
  if (target === null) return { outcome: "missing_ref", ref: branchRef(u.request.target) };
  if (head !== u.request.head_sha) {
    const kept = await isOnlyUpdate(u, head, target);
    return kept ? { outcome: "branch_updated", head } : { outcome: "head_moved", head };
  }
  if (u.request.check_head !== null || (await isAncestor(u, target, head)))
    return { outcome: "branch_updated", head };
  return { head, target };
}

async function make(u: Updating, head: string, target: string): Promise<EffectOutcome> {
  const merged = await mergedTree(u, head, target);
  if (typeof merged === "string") return { outcome: "error", message: merged };
  if (merged.files.length > 0) return { outcome: "conflict", files: merged.files };
  const built = await u.context.git({
    at: { gitDir: u.of.mirror },
    args: ["commit-tree", merged.tree, "-p", head, "-p", target],
    input: `Merge ${u.request.target} into ${u.request.branch}\n`,
    identity: u.request.author,
    signal: u.signal,
  });
  if (!built.ok) return { outcome: "error", message: gitWords(built) };
  if (!u.canPush()) return { outcome: "withdrawn" };
  const commit = built.stdout.trim();
  const update = { ref: branchRef(u.request.branch), to: commit, expected: head };
  const pushed = await push(u.context.git, u.context.remotes, u.of, update, u.signal);
  switch (pushed.kind) {
    case "done":
      return { outcome: "branch_updated", head: commit };
    case "moved": {
      // Somebody was quicker: what they pushed is looked at like any other head.
      const found = await look(u);
      return "outcome" in found ? found : { outcome: "race_lost" };
    }
    case "network":
      return { outcome: "error", message: pushed.reason };
    default:
      return { outcome: pushed.kind, reason: pushed.reason };
  }
}

/** See `GitWorkspace.updateBranch`. */
export async function updateBranch(
  context: GitContext,
  request: UpdateBranchRequest,
  canPush: () => boolean,
  signal: AbortSignal,
): Promise<EffectOutcome> {
  try {
    const of = await context.mirrors.of(request.rig);
    const updating: Updating = { context, of, request, canPush, signal };
    const found = await look(updating);
    return "outcome" in found ? found : await make(updating, found.head, found.target);
  } catch (error) {
    return effectFailure(error);
  }
}
