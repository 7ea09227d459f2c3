/**
 * WIP safety (spec/runner.md §5): unfinished work goes to a ref of its own before anything else
 * happens to its worktree. The worktree stays as it is, its index too: the work is committed through a
 * copy of the index, so a session that goes on notices nothing.
 */
import { mkdir, rename, stat } from "node:fs/promises";
import { join } from "node:path";
import type { GitContext } from "./context.ts";
import { GitFailure } from "./failure.ts";
import { openWithFiles } from "./open-worktree.ts";
import { push } from "./push.ts";
import { trackingRef, wipBranchRef, wipRef } from "./refs.ts";
import { gitWords } from "./remote-errors.ts";
import type { RemoteOf } from "./remotes.ts";
import { snapshotTree } from "./snapshot.ts";
import { readStatus } from "./status.ts";
import type { SavedWork, SaveOptions } from "./types.ts";
import { headHistory, inWorktree, noteSaved, readHead, readRecord } from "./worktrees.ts";
import type { Worktree } from "./worktrees.ts";

interface Saving {
  readonly context: GitContext;
  readonly of: RemoteOf;
  readonly tree: Worktree;
  readonly o: SaveOptions;
}

function saveFailure(code: "git_failed" | "network" | "auth", what: string): GitFailure {
  const action = "The worktree is kept as it is and saving is tried again.";
  return new GitFailure({
    phase: "worktree",
    code,
    message: `Unfinished work could not be saved: ${what}`,
    action,
  });
}

async function must(s: Saving, args: readonly string[], more: { input?: string } = {}): Promise<string> {
  const result = await s.context.git({
    at: inWorktree(s.tree),
    args,
    signal: s.o.signal,
    identity: s.o.author,
    ...(more.input === undefined ? {} : { input: more.input }),
  });
  if (!result.ok) throw saveFailure("git_failed", gitWords(result));
  return result.stdout.trim();
}

/** The tree of everything in the worktree but ignored files. */
async function snapshot(s: Saving): Promise<string> {
  const tree = await snapshotTree(s.context, s.tree, s.o.signal);
  if (typeof tree !== "string") throw saveFailure("git_failed", gitWords(tree));
  return tree;
}

function bundledRef(name: string): string {
  return `refs/gastown/bundled/${name}`;
}

/** The commit at a ref of the mirror. */
async function lastSaved(
  s: Saving,
  ref: string,
): Promise<{ commit: string; tree: string; parent: string } | null> {
  const args = ["log", "-1", "--format=%H %T %P", ref, "--"];
  const result = await s.context.git({ at: { gitDir: s.of.mirror }, args, signal: s.o.signal });
  const [commit, tree, parent] = result.ok ? result.stdout.trim().split(" ") : [];
  return commit === undefined || tree === undefined ? null : { commit, tree, parent: parent ?? "" };
}

/** Whether branches of the remote hold the head; null where there is no commit yet. */
async function onRemoteBranch(s: Saving): Promise<boolean | null> {
  const others = ["--exclude=origin/gastown-wip/*", "--remotes=origin"];
  const args = ["rev-list", "--max-count=1", "HEAD", "--not", ...others, "--"];
  const result = await s.context.git({ at: inWorktree(s.tree), args, signal: s.o.signal });
  return result.ok ? result.stdout.trim() === "" : null;
}

/** A clean head that no remote branch holds: null when one held it once. */
async function headToSave(s: Saving, head: string): Promise<string | null> {
  // Saved by this session, perhaps with its answer lost: the same answer again.
  for (const name of ownRefs(s)) {
    if ((await lastSaved(s, name))?.commit === head) return head;
  }
  const saved = (await readRecord(s.tree.admin))?.saved ?? [];
  return saved.includes(head) ? null : head;
}

/** Where the mirror notes what this session saved. */
function ownRefs(s: Saving): string[] {
  const id = s.o.sessionId;
  return [trackingRef(wipRef(id)), trackingRef(wipBranchRef(id)), bundledRef(id)];
}

/**
 * Known without asking git: the head was handed in, and this session has saved nothing that would be
 * the answer instead. Where the mirror's refs are packed, files do not tell.
 */
async function handedIn(s: Saving): Promise<boolean> {
  const head = await readHead(s.of.mirror, s.tree);
  const saved = (await readRecord(s.tree.admin))?.saved ?? [];
  if (head === null || !saved.includes(head)) return false;
  const notes = await Promise.all(
    [...ownRefs(s), "packed-refs"].map((name) => stat(join(s.of.mirror, name)).catch(() => null)),
  );
  return notes.every((note) => note === null);
}

/** The commit that holds all of the work; null when there is nothing to save. */
async function workCommit(s: Saving): Promise<string | null> {
  const [status, onRemote] = await Promise.all([
    readStatus(s.context, s.tree, s.o.signal),
    handedIn(s).then((known) => known || onRemoteBranch(s)),
  ]);
  if ("ended" in status) throw saveFailure("git_failed", gitWords(status));
  if (status.head === null) return null;
  if (!status.dirty && onRemote === true) {
    await noteSaved(s.tree.admin, status.head);
    return null;
  }
  if (!status.dirty) return headToSave(s, status.head);
  const tree = await snapshot(s);
  for (const name of ownRefs(s)) {
    const last = await lastSaved(s, name);
    if (last?.tree === tree && last.parent === status.head) return last.commit;
  }
  const input = `Save unfinished work of ${s.o.sessionId}\n`;
  return must(s, ["commit-tree", tree, "-p", status.head], { input });
}

/** Local branches on which this session's head has been, and that nothing else holds. */
async function otherTips(s: Saving, saved: string | null): Promise<string[]> {
  const been = await headHistory(s.tree.admin);
  const base = (await readRecord(s.tree.admin))?.base;
  const head = await readHead(s.of.mirror, s.tree);
  // The usual session has been nowhere but where it began and where it is.
  if ([...been].every((commit) => commit === base || commit === head)) return [];
  const branches = (await must(s, ["for-each-ref", "--format=%(objectname)", "refs/heads/"])).split("\n");
  const candidates = [...new Set(branches.filter((commit) => been.has(commit)))];
  const tips: string[] = [];
  for (const commit of candidates) {
    const args = [
      "rev-list",
      "--max-count=1",
      commit,
      "--not",
      "--remotes",
      ...(saved === null ? ["HEAD"] : [saved]),
      "--",
    ];
    if ((await must(s, args)) !== "") tips.push(commit);
  }
  return tips;
}

type Stored = { readonly ref: string } | { readonly refused: string };

async function pushTo(s: Saving, commit: string, ref: string): Promise<Stored> {
  const known = await lastSaved(s, trackingRef(ref));
  if (known?.commit === commit) return { ref };
  let expected = (await s.context.remotes.heads(s.of, [ref], s.o.signal)).get(ref) ?? null;
  // The ref is this session's own: whatever stands there is an earlier save of it.
  for (;;) {
    if (expected === commit) return { ref };
    const pushed = await push(
      s.context.git,
      s.context.remotes,
      s.of,
      { ref, to: commit, expected },
      s.o.signal,
    );
    if (pushed.kind === "done") return { ref };
    if (pushed.kind === "rejected") return { refused: pushed.reason };
    if (pushed.kind !== "moved") throw saveFailure(pushed.kind, pushed.reason);
    expected = pushed.head;
  }
}

async function store(s: Saving, commit: string, name: string): Promise<Stored> {
  if (!s.context.branchesOnly.has(s.of.url)) {
    const own = await pushTo(s, commit, wipRef(name));
    if ("ref" in own) return own;
    const branch = await pushTo(s, commit, wipBranchRef(name));
    if ("ref" in branch) s.context.branchesOnly.add(s.of.url);
    return branch;
  }
  return pushTo(s, commit, wipBranchRef(name));
}

/** Writes the commits that no remote ref has into a file, complete or not at all. */
async function bundle(s: Saving, commit: string, name: string): Promise<string> {
  const folder = join(s.context.root, "bundles");
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, `${name}.bundle`);
  const ref = bundledRef(name);
  await must(s, ["update-ref", ref, commit]);
  await must(s, ["bundle", "create", "--quiet", `${path}.new`, ref, "--not", "--remotes"]);
  await rename(`${path}.new`, path);
  return path;
}

async function saveOne(s: Saving, commit: string, name: string): Promise<SavedWork> {
  const stored = await store(s, commit, name);
  if ("ref" in stored) {
    await noteSaved(s.tree.admin, commit);
    return { workRef: stored.ref };
  }
  const path = await bundle(s, commit, name);
  await noteSaved(s.tree.admin, commit);
  s.context.log("work_bundled", { session_id: s.o.sessionId, commit, path, reason: stored.refused });
  return { workRef: null, bundle: path };
}

/** See `GitWorkspace.saveWork`. */
export async function saveWork(context: GitContext, o: SaveOptions): Promise<SavedWork> {
  const of = await context.mirrors.of(o.rig);
  const tree = await openWithFiles(context, of.mirror, o.dir, o.signal);
  if (tree === null) return { workRef: null };
  const s: Saving = { context, of, tree, o };
  const commit = await workCommit(s);
  const saved: SavedWork = commit === null ? { workRef: null } : await saveOne(s, commit, o.sessionId);
  let more: SavedWork = { workRef: null };
  for (const [index, tip] of (await otherTips(s, commit)).entries()) {
    more = await saveOne(s, tip, `${o.sessionId}-${index + 2}`);
  }
  const path = saved.bundle ?? more.bundle;
  return { workRef: saved.workRef ?? more.workRef, ...(path === undefined ? {} : { bundle: path }) };
}
