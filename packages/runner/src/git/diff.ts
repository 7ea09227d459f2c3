/**
 * The difference that some work makes, for a person who looks at it (spec/runner.md §1). Reads only;
 * commits that the mirror lacks are fetched.
 */
import { GastownError, MAX_DIFF, MAX_FILE_DIFF } from "@gastown/protocol";
import type { ChangedFile, DiffFiles, DiffQuery, RigRef, TreeDiffQuery } from "@gastown/protocol";
import type { GitContext } from "./context.ts";
import { parseDiff } from "./diff-parse.ts";
import { GitFailure } from "./failure.ts";
import type { Repository } from "./git.ts";
import { openWithFiles } from "./open-worktree.ts";
import { isCommitId, isFullRef } from "./refs.ts";
import { gitWords } from "./remote-errors.ts";
import type { RemoteOf } from "./remotes.ts";
import { snapshotTree } from "./snapshot.ts";
import { inWorktree, readRecord } from "./worktrees.ts";

export interface Patch {
  readonly base: string;
  /** Null: a working tree. */
  readonly head: string | null;
  readonly text: string;
  readonly truncated: boolean;
}

export type DiffAnswer = { readonly files: DiffFiles } | { readonly patch: Patch };

/** Both ends, as git names them, and as they are told. */
interface Ends {
  readonly at: Repository;
  readonly base: string;
  /** A commit or a tree. */
  readonly to: string;
  readonly head: string | null;
}

/** No external program, no colour, whole object names nowhere: the same text on every machine. */
const PLAIN = ["--no-ext-diff", "--no-textconv", "--no-color", "--find-renames", "--submodule=short"];

function gone(what: string): GastownError {
  return new GastownError(
    "not_found",
    `${what} is not in the repository any more: its branch was deleted, and this machine never had its commits.`,
  );
}

async function commitOf(
  context: GitContext,
  of: RemoteOf,
  name: string,
  signal: AbortSignal,
): Promise<string> {
  if (!name.startsWith("refs/")) {
    const commit = name.endsWith("^") ? name.slice(0, -1) : name;
    const there =
      isCommitId(commit) &&
      ((await context.remotes.hasCommit(of, commit, signal)) ||
        (await context.remotes.fetchCommit(of, commit, signal)));
    if (!there) throw gone(`The commit ${commit}`);
    return name === commit ? commit : read(context, of, ["rev-parse", "--verify", name], signal);
  }
  const head = isFullRef(name) ? (await context.remotes.current(of, [name], signal)).get(name) : null;
  if (head === null || head === undefined) throw gone(name);
  return head;
}

async function read(
  context: GitContext,
  of: RemoteOf,
  args: readonly string[],
  signal: AbortSignal,
): Promise<string> {
  const result = await context.git({ at: { gitDir: of.mirror }, args, signal });
  if (!result.ok) throw unreadable(gitWords(result));
  return result.stdout.trim();
}

function unreadable(words: string): GitFailure {
  return new GitFailure({
    phase: "repository",
    code: "git_failed",
    message: `The difference could not be read: ${words}`,
    action: "Ask again; the runner's log has more.",
  });
}

/** Where `head` left `base`; `base` itself for histories that have nothing in common. */
async function mergeBase(
  context: GitContext,
  of: RemoteOf,
  base: string,
  head: string,
  signal: AbortSignal,
): Promise<string> {
  const args = ["merge-base", base, head];
  const found = await context.git({ at: { gitDir: of.mirror }, args, signal });
  return found.ok ? found.stdout.trim() : base;
}

async function changedFiles(context: GitContext, ends: Ends, signal: AbortSignal): Promise<ChangedFile[]> {
  const args = ["diff", ...PLAIN, "--raw", "--numstat", "-z", ends.base, ends.to, "--"];
  const result = await context.git({ at: ends.at, args, signal });
  if (!result.ok) throw unreadable(gitWords(result));
  return parseDiff(result.stdout);
}

function pageOf(
  { base, head }: Ends,
  files: readonly ChangedFile[],
  after: number,
  limit: number,
): DiffFiles {
  const sum = (key: "additions" | "deletions"): number => files.reduce((all, file) => all + file[key], 0);
  const next = after + limit;
  return {
    base,
    head,
    stat: { files: files.length, additions: sum("additions"), deletions: sum("deletions") },
    files: files.slice(after, next),
    next: next < files.length ? next : null,
  };
}

/** Whole lines of at most so many bytes. */
function cutAt(text: string, bytes: number): string {
  const cut = Buffer.from(text).subarray(0, bytes).toString("utf8");
  return cut.slice(0, cut.lastIndexOf("\n") + 1);
}

async function patchOf(
  context: GitContext,
  ends: Ends,
  file: ChangedFile | null,
  signal: AbortSignal,
): Promise<Patch> {
  const bytes = file === null ? MAX_DIFF : MAX_FILE_DIFF;
  const names = file === null ? [] : [file.path, ...(file.old_path === undefined ? [] : [file.old_path])];
  const paths = names.map((name) => `:(top,literal)${name}`);
  const args = ["diff", ...PLAIN, "--full-index", ends.base, ends.to, "--", ...paths];
  const result = await context.git({ at: ends.at, args, signal, stdoutBytes: bytes });
  if (!result.ok && result.ended !== "overflow") throw unreadable(gitWords(result));
  const { base, head } = ends;
  const truncated = result.ended === "overflow";
  return { base, head, text: truncated ? cutAt(result.stdout, bytes) : result.stdout, truncated };
}

async function answer(
  context: GitContext,
  ends: Ends,
  query: TreeDiffQuery,
  signal: AbortSignal,
): Promise<DiffAnswer> {
  if (query.view === "patch" && query.path === undefined)
    return { patch: await patchOf(context, ends, null, signal) };
  const files = await changedFiles(context, ends, signal);
  if (query.view === "files") return { files: pageOf(ends, files, query.after, query.limit) };
  const file = files.find(({ path }) => path === query.path);
  if (file === undefined) throw new GastownError("not_found", `${query.path} is not changed there.`);
  return { patch: await patchOf(context, ends, file, signal) };
}

/** See `GitWorkspace.diff`. */
export async function diff(context: GitContext, query: DiffQuery, signal: AbortSignal): Promise<DiffAnswer> {
  const rig: RigRef = {
    id: query.rig_id,
    name: query.rig_name,
    git_url: query.git_url,
    default_branch: query.default_branch,
  };
  const of = await context.mirrors.of(rig);
  const base = await commitOf(context, of, query.base, signal);
  const head = await commitOf(context, of, query.head, signal);
  const from = query.from === "direct" ? base : await mergeBase(context, of, base, head, signal);
  return answer(context, { at: { gitDir: of.mirror }, base: from, to: head, head }, query, signal);
}

export interface TreeDiffOptions {
  readonly dir: string;
  readonly rig: RigRef;
  readonly query: TreeDiffQuery;
  readonly signal: AbortSignal;
}

/** See `GitWorkspace.treeDiff`. */
export async function treeDiff(context: GitContext, o: TreeDiffOptions): Promise<DiffAnswer> {
  const of = await context.mirrors.of(o.rig);
  const tree = await openWithFiles(context, of.mirror, o.dir, o.signal);
  if (tree === null) throw new GastownError("not_found", "The worktree of this session is gone.");
  // Where its session began.
  const base = (await readRecord(tree.admin))?.base ?? "HEAD";
  const to = await snapshotTree(context, tree, o.signal);
  if (typeof to !== "string") throw unreadable(gitWords(to));
  return answer(context, { at: inWorktree(tree), base, to, head: null }, o.query, o.signal);
}
