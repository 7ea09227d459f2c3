/**
 * WIP safety (spec/runner.md §5): unfinished work goes to a ref of its own before anything else
 * happens to its worktree. The worktree stays as it is, its index too: the work is committed through a
 * copy of the index, so a session that goes on notices nothing.
 */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { writeBundle } from "./bundle.ts";
import type { GitContext } from "./context.ts";
import { openWithFiles } from "./open-worktree.ts";
import { pushWip, saveFailure } from "./push-wip.ts";
import type { Stored } from "./push-wip.ts";
import { trackingRef, wipBranchRef, wipRef } from "./refs.ts";
import { gitWords } from "./remote-errors.ts";
import type { RemoteOf } from "./remotes.ts";
import { saveModules } from "./save-modules.ts";
import { snapshotTree } from "./snapshot.ts";
import type { Links } from "./snapshot.ts";
import { readStatus } from "./status.ts";
import type { SavedWork, SaveOptions } from "./types.ts";
import { headHistory, inWorktree, noteSaved, readHead, readRecord } from "./worktrees.ts";
import type { Worktree } from "./worktrees.ts";

interface Saving {
  readonly context: GitContext;
  readonly of: RemoteOf;
  readonly tree: Worktree;
  readonly o: SaveOptions;
  /** Where its submodules are saved. */
  readonly links: Links;
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
  const tree = await snapshotTree(s.context, s.tree, s.o.signal, s.links);
  if (typeof tree !== "string") throw saveFailure("git_failed", gitWords(tree));
  return tree;
}

function bundledRef(name: string): string {
  return `refs/gastown/bundled/${name}`;
}

/** The mirror's note of what went beside another runner's save. */
function besideRef(name: string): string {
  return `refs/gastown/beside/${name}`;
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
  return [trackingRef(wipRef(id)), trackingRef(wipBranchRef(id)), bundledRef(id), besideRef(id)];
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
  const isClean = !status.dirty && s.links.size === 0;
  const tree = isClean ? null : await snapshot(s);
  const isHead = tree === null || tree === (await lastSaved(s, status.head))?.tree;
  if (isHead && onRemote === true) {
    await noteSaved(s.tree.admin, status.head);
    return null;
  }
  if (isHead) return headToSave(s, status.head);
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

/** Whether what stands at a ref of this session was saved from this worktree, or is part of the commit. */
async function supersedes(s: Saving, commit: string, there: string): Promise<boolean> {
  if ((await readRecord(s.tree.admin))?.saved.includes(there) === true) return true;
  const args = ["merge-base", "--is-ancestor", there, commit];
  return (await s.context.git({ at: inWorktree(s.tree), args, signal: s.o.signal })).ok;
}

/** What another runner of the session has saved is left alone, and this goes beside it. */
async function pushTo(
  s: Saving,
  commit: string,
  refOf: (name: string) => string,
  name: string,
): Promise<Stored> {
  const ref = refOf(name);
  const known = await lastSaved(s, trackingRef(ref));
  if (known?.commit === commit) return { ref };
  const wip = { commit, ref, supersedes: (there: string) => supersedes(s, commit, there) };
  const stored = await pushWip(s.context, s.of, wip, s.o.signal);
  if (!("taken" in stored)) return stored;
  await must(s, ["update-ref", besideRef(name), commit]);
  return pushTo(s, commit, refOf, `${name}-${commit.slice(0, 12)}`);
}

async function store(s: Saving, commit: string, name: string): Promise<Stored> {
  if (!s.context.branchesOnly.has(s.of.url)) {
    const own = await pushTo(s, commit, wipRef, name);
    if ("ref" in own) return own;
    const branch = await pushTo(s, commit, wipBranchRef, name);
    if ("ref" in branch) s.context.branchesOnly.add(s.of.url);
    return branch;
  }
  return pushTo(s, commit, wipBranchRef, name);
}

async function saveOne(s: Saving, commit: string, name: string): Promise<SavedWork> {
  const stored = await store(s, commit, name);
  if ("ref" in stored) {
    await noteSaved(s.tree.admin, commit);
    return { workRef: stored.ref };
  }
  const { context, o } = s;
  const ref = bundledRef(name);
  const excluded = ["--not", "--remotes"];
  const at = inWorktree(s.tree);
  const bundle = await writeBundle(context, { at, commit, ref, file: name, excluded, signal: o.signal });
  await noteSaved(s.tree.admin, commit);
  context.log("work_bundled", {
    session_id: o.sessionId,
    commit,
    path: bundle,
    reason: stored.refused,
  });
  return { workRef: null, kept: [{ submodule: null, ref: null, bundle }] };
}

/** See `GitWorkspace.saveWork`. */
export async function saveWork(context: GitContext, o: SaveOptions): Promise<SavedWork> {
  const of = await context.mirrors.of(o.rig);
  const tree = await openWithFiles(context, of.mirror, o.dir, o.signal);
  if (tree === null) return { workRef: null };
  const { sessionId, author, signal } = o;
  const modules = await saveModules(context, { of, tree, sessionId, author, signal });
  const s: Saving = { context, of, tree, o, links: modules.links };
  const commit = await workCommit(s);
  const saved: SavedWork = commit === null ? { workRef: null } : await saveOne(s, commit, o.sessionId);
  const kept = [...(saved.kept ?? [])];
  let { workRef } = saved;
  for (const [index, tip] of (await otherTips(s, commit)).entries()) {
    const more = await saveOne(s, tip, `${o.sessionId}-${index + 2}`);
    if (workRef !== null && more.workRef !== null)
      kept.push({ submodule: null, ref: more.workRef, bundle: null });
    workRef ??= more.workRef;
    kept.push(...(more.kept ?? []));
  }
  kept.push(...modules.kept);
  return { workRef, ...(kept.length === 0 ? {} : { kept }) };
}
