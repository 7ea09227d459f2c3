/** Giving a session its worktree (spec/runner.md §5): reset to the start point, caches kept. */
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterCheckout, beforeCheckout, configure, fill } from "./contents.ts";
import type { Contents } from "./contents.ts";
import type { GitContext } from "./context.ts";
import { GitFailure } from "./failure.ts";
import { openWithFiles } from "./open-worktree.ts";
import { isCommitId, isFullRef, wipBranchRef, wipRef } from "./refs.ts";
import { gitWords } from "./remote-errors.ts";
import type { RemoteOf } from "./remotes.ts";
import type { PreparedWorktree, PrepareOptions } from "./types.ts";
import { WITHOUT_LFS } from "./worktree-config.ts";
import * as worktrees from "./worktrees.ts";
import type { Worktree } from "./worktrees.ts";

const SLOT = /^[A-Za-z0-9_][A-Za-z0-9_-]{0,100}$/;

/** One real directory per slot and rig: agents take the directory for the identity. */
function slotDirectory(root: string, slot: string, rigId: string): string {
  if (!SLOT.test(slot)) throw new RangeError(`${JSON.stringify(slot)} is not the name of a slot`);
  return join(root, "slots", slot, rigId);
}

function missingStart(startPoint: string): GitFailure {
  return new GitFailure({
    phase: "repository",
    code: "missing_start_point",
    message: `The start point ${startPoint} is not on the remote.`,
    action: "Restore it there, or start the bead afresh from the default branch.",
  });
}

function worktreeFailure(message: string): GitFailure {
  const action = "Look at the disk and the permissions of the data directory; it is tried again by itself.";
  return new GitFailure({ phase: "worktree", code: "git_failed", message, action });
}

/** What a session has saved on the remote; null: nothing. */
async function savedBy(
  context: GitContext,
  of: RemoteOf,
  sessionId: string,
  signal: AbortSignal,
): Promise<string | null> {
  const refs = [wipRef(sessionId), wipBranchRef(sessionId)];
  const heads = await context.remotes.current(of, refs, signal);
  return refs.map((ref) => heads.get(ref) ?? null).find((head) => head !== null) ?? null;
}

/** A commit id is taken as it is: whether the mirror has it shows when it is checked out. */
async function resolveStart(context: GitContext, of: RemoteOf, o: PrepareOptions): Promise<string> {
  const saved = o.goesOn === null ? null : await savedBy(context, of, o.goesOn, o.signal);
  if (saved !== null) return saved;
  if (isCommitId(o.startPoint)) return o.startPoint;
  if (!isFullRef(o.startPoint)) throw missingStart(JSON.stringify(o.startPoint));
  const head = (await context.remotes.current(of, [o.startPoint], o.signal)).get(o.startPoint) ?? null;
  if (head === null) throw missingStart(o.startPoint);
  return head;
}

/** Invariant 12: no commit of the last session is lost with its worktree. */
async function refuseUnsaved(
  context: GitContext,
  of: RemoteOf,
  tree: Worktree,
  signal: AbortSignal,
): Promise<void> {
  const saved = (await worktrees.readRecord(tree.admin))?.saved ?? [];
  // The usual case, known without asking git: the last session handed in exactly this head.
  const head = await worktrees.readHead(of.mirror, tree);
  if (head !== null && saved.includes(head)) return;
  const found = await context.git({
    at: worktrees.inWorktree(tree),
    args: ["rev-list", "--ignore-missing", "--max-count=1", "HEAD", "--not", "--remotes", ...saved, "--"],
    signal,
  });
  // Status 128: the head names no commit, so there is nothing that could be lost.
  if (found.code === 128 || (found.ok && found.stdout.trim() === "")) return;
  throw new GitFailure({
    phase: "worktree",
    code: "unsaved_commits",
    message: `The worktree has commits that are on no remote ref, the newest ${found.stdout.trim() || "unknown"}.`,
    action: "Save its work first; it is tried again by itself.",
  });
}

/**
 * A branch lives in one worktree: another that still has it checked out keeps its commit, without the
 * branch. Otherwise a new commit here would look like unsaved work there.
 */
async function detachOthers(
  context: GitContext,
  of: RemoteOf,
  mine: string,
  branch: string,
  signal: AbortSignal,
): Promise<void> {
  const trees = await worktrees.listWorktrees(of.mirror);
  const holders = await Promise.all(
    trees.map(async (tree) => {
      const head = await readFile(join(tree.admin, "HEAD"), "utf8").catch(() => "");
      return tree.dir !== mine && head.trim() === `ref: refs/heads/${branch}` ? [tree.admin] : [];
    }),
  );
  for (const admin of holders.flat()) {
    const head = await context.git({
      at: { gitDir: of.mirror },
      args: ["rev-parse", "--verify", "--quiet", `refs/heads/${branch}`],
      signal,
    });
    if (head.ok) await writeFile(join(admin, "HEAD"), head.stdout);
  }
}

/** Runs `checkout(commit)` and, where the mirror turns out to lack the commit, once more with it. */
async function withCommit(
  context: GitContext,
  of: RemoteOf,
  o: PrepareOptions,
  commit: string,
  checkout: () => ReturnType<GitContext["git"]>,
): Promise<void> {
  const first = await checkout();
  if (first.ok) return;
  if (await context.remotes.hasCommit(of, commit, o.signal))
    throw worktreeFailure(`The worktree could not be made: ${gitWords(first)}`);
  if (!(await context.remotes.fetchCommit(of, commit, o.signal))) throw missingStart(commit);
  const second = await checkout();
  if (!second.ok) throw worktreeFailure(`The worktree could not be made: ${gitWords(second)}`);
}

/** The worktree at `commit`, on its branch, without untracked files but with ignored ones (caches). */
async function checkOut(
  context: GitContext,
  of: RemoteOf,
  tree: Worktree,
  o: PrepareOptions,
  commit: string,
): Promise<void> {
  const place = o.branch === null ? ["--detach"] : ["--no-track", "-B", o.branch];
  const at = worktrees.inWorktree(tree);
  const contents: Contents = { of, rig: o.rig, tree, author: o.author, signal: o.signal };
  const before = await beforeCheckout(context, contents);
  await withCommit(context, of, o, commit, () =>
    context.git({
      at,
      args: ["checkout", "--quiet", "--force", ...place, commit, "--"],
      config: WITHOUT_LFS,
      signal: o.signal,
    }),
  );
  await afterCheckout(context, contents, before);
  // Twice forced: nested repositories of the last session go as well.
  const cleaned = await context.git({ at, args: ["clean", "-ffd", "--quiet"], signal: o.signal });
  if (!cleaned.ok) throw worktreeFailure(`The worktree could not be cleaned: ${gitWords(cleaned)}`);
  await fill(context, contents);
}

async function reuse(context: GitContext, of: RemoteOf, tree: Worktree, o: PrepareOptions): Promise<string> {
  await worktrees.clearLocks(tree.admin);
  const [commit] = await Promise.all([
    resolveStart(context, of, o),
    refuseUnsaved(context, of, tree, o.signal),
  ]);
  await worktrees.clearOperations(tree.admin);
  await checkOut(context, of, tree, o, commit);
  return commit;
}

async function make(context: GitContext, of: RemoteOf, dir: string, o: PrepareOptions): Promise<string> {
  const commit = await resolveStart(context, of, o);
  const tree = await worktrees.registerWorktree(of.mirror, dir);
  try {
    await checkOut(context, of, tree, o, commit);
  } catch (error) {
    await worktrees.removeWorktree(of.mirror, dir);
    throw error;
  }
  return commit;
}

async function resume(
  context: GitContext,
  of: RemoteOf,
  tree: Worktree,
  o: PrepareOptions,
): Promise<PreparedWorktree> {
  await worktrees.clearLocks(tree.admin);
  await configure(context, { of, rig: o.rig, tree, author: o.author, signal: o.signal });
  const head = await context.git({
    at: worktrees.inWorktree(tree),
    args: ["rev-parse", "--verify", "HEAD^{commit}"],
    signal: o.signal,
  });
  if (!head.ok) throw worktreeFailure(`The worktree of the session has no commit: ${gitWords(head)}`);
  return {
    dir: tree.dir,
    kept: true,
    baseSha: (await worktrees.readRecord(tree.admin))?.base ?? head.stdout.trim(),
  };
}

/** See `GitWorkspace.prepareWorktree`. The caller holds the slot's lock. */
export async function prepareWorktree(context: GitContext, o: PrepareOptions): Promise<PreparedWorktree> {
  const dir = slotDirectory(context.root, o.slot, o.rig.id);
  const of = await context.mirrors.of(o.rig);
  const tree = await openWithFiles(context, of.mirror, dir, o.signal);
  if (tree !== null && o.keep) return resume(context, of, tree, o);
  if (o.branch !== null) {
    await detachOthers(context, of, dir, o.branch, o.signal);
    await rm(join(of.mirror, "refs", "heads", `${o.branch}.lock`), { force: true });
  }
  const baseSha = tree === null ? await make(context, of, dir, o) : await reuse(context, of, tree, o);
  const made = tree ?? (await worktrees.openWorktree(of.mirror, dir));
  if (made === null) throw worktreeFailure("The worktree vanished while it was made.");
  await worktrees.writeRecord(made.admin, { base: baseSha, saved: [baseSha] });
  return { dir, kept: false, baseSha };
}
