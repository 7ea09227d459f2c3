/**
 * Settling a session's work (spec/review.md §1): commit, push by compare-and-swap, read back.
 *
 * A repeat after a lost answer finds the remote at exactly its own head and says `pushed` again, so
 * each step below looks before it acts and none needs a note of the step before.
 */
import { stat, rm } from "node:fs/promises";
import { join } from "node:path";
import type { GitContext } from "./context.ts";
import { asGitFailure } from "./failure.ts";
import { linksNobodyHas } from "./module-links.ts";
import { openWithFiles } from "./open-worktree.ts";
import { push } from "./push.ts";
import type { PushOutcome } from "./push.ts";
import { branchRef, trackingRef } from "./refs.ts";
import { gitWords } from "./remote-errors.ts";
import type { Heads, RemoteOf } from "./remotes.ts";
import { readStatus } from "./status.ts";
import type { TreeStatus } from "./status.ts";
import { HEAD_TRAILER, HEAD_TRAILER_FORMAT, withoutHeadTrailer, withTrailer } from "./trailers.ts";
import type { SettleOptions, SettleOutcome } from "./types.ts";
import { headHistory, inWorktree, noteSaved, operationUnderWay, readHead } from "./worktrees.ts";
import type { Worktree } from "./worktrees.ts";

type SettleError = NonNullable<SettleOutcome["error"]>;

interface Settling {
  readonly context: GitContext;
  readonly of: RemoteOf;
  readonly tree: Worktree;
  readonly o: SettleOptions;
}

interface Committed {
  readonly head: string;
  readonly committedDirty: boolean;
}

interface Measured {
  readonly base: string;
  readonly commits: number;
  readonly additions: number;
  readonly deletions: number;
  /** Commits that carry the trailer which only the runner may write. */
  readonly trailers: readonly string[];
}

/** Ends the settle with this outcome; caught in `settle` only. */
class Settled extends Error {
  readonly outcome: Partial<SettleOutcome> & Pick<SettleOutcome, "result">;

  constructor(outcome: Partial<SettleOutcome> & Pick<SettleOutcome, "result">) {
    super(outcome.result);
    this.outcome = outcome;
  }
}

function failed(kind: SettleError["kind"], message: string, more: Partial<SettleOutcome> = {}): Settled {
  const result = kind === "trailer" || kind === "other" ? "error" : "push_failed";
  return new Settled({ result, error: { kind, message: message.slice(0, 4_000) }, ...more });
}

function remoteFailed(error: unknown, more: Partial<SettleOutcome>): unknown {
  const failure = asGitFailure(error);
  if (failure === null) return error;
  const code = failure.failure.code;
  const kind = code === "auth" ? "auth" : code === "network" ? "network" : "other";
  return failed(kind, failure.message, more);
}

const STALE_LOCK_MS = 60_000;

/** An agent's git that was killed leaves its lock for ever; a running one never holds it for a minute. */
async function clearStaleLock(tree: Worktree): Promise<void> {
  const lock = join(tree.admin, "index.lock");
  const found = await stat(lock).catch(() => null);
  if (found !== null && Date.now() - found.mtimeMs > STALE_LOCK_MS) await rm(lock, { force: true });
}

async function commitAll(s: Settling): Promise<boolean> {
  await clearStaleLock(s.tree);
  const at = inWorktree(s.tree);
  const added = await s.context.git({ at, args: ["add", "--all"], signal: s.o.signal });
  if (!added.ok) throw failed("other", `The changes could not be added: ${gitWords(added)}`);
  const subject = withoutHeadTrailer(s.o.message.trim());
  const input = s.o.coauthor === null ? `${subject}\n` : withTrailer(subject, "Co-authored-by", s.o.coauthor);
  const args = ["commit", "--quiet", "--no-verify", "--cleanup=whitespace", "--file=-"];
  const committed = await s.context.git({ at, args, input, identity: s.o.author, signal: s.o.signal });
  if (committed.ok) return true;
  // Only the inside of a submodule had changed.
  if (/nothing to commit|no changes added/.test(committed.stdout)) return false;
  throw failed("other", `The changes could not be committed: ${gitWords(committed)}`);
}

async function headOf(s: Settling): Promise<string> {
  const known = await readHead(s.of.mirror, s.tree);
  if (known !== null) return known;
  const head = await s.context.git({
    at: inWorktree(s.tree),
    args: ["rev-parse", "--verify", "HEAD^{commit}"],
    signal: s.o.signal,
  });
  if (!head.ok) throw failed("other", `The worktree has no commit: ${gitWords(head)}`);
  return head.stdout.trim();
}

async function commitWork(s: Settling, status: TreeStatus): Promise<Committed> {
  if (status.unmerged.length > 0) {
    throw failed(
      "other",
      `These files still have conflicts: ${status.unmerged.slice(0, 20).join(", ")}. Resolve and commit them.`,
    );
  }
  const operation = await operationUnderWay(s.tree.admin);
  if (operation !== null)
    throw failed("other", `A ${operation} stands half way in the worktree. Finish or abort it.`);
  if (status.head === null) throw failed("other", "The worktree has no commit.");
  if (!status.dirty) return { head: status.head, committedDirty: false };
  if (s.o.noChanges) {
    throw new Settled({ result: "changes_present", head_sha: status.head, error: null });
  }
  const committedDirty = await commitAll(s);
  return { head: await headOf(s), committedDirty };
}

/** `base..head` counted, or null where the mirror lacks one of the two. */
async function measure(s: Settling, base: string, head: string): Promise<Measured | null> {
  const format = `--format=%x00%H%x09${HEAD_TRAILER_FORMAT}`;
  const args = ["log", "--shortstat", "--no-ext-diff", "--no-textconv", format, `${base}..${head}`, "--"];
  const log = await s.context.git({ at: { gitDir: s.of.mirror }, args, signal: s.o.signal });
  if (!log.ok) return null;
  const commits = log.stdout.split("\0").slice(1).map(readCommit);
  const [only] = commits;
  // One commit that says what it changed has said it all; more of them may change the same lines.
  const whole = commits.length === 1 && only !== undefined && only.stat !== "";
  return {
    base,
    commits: commits.length,
    ...countLines(whole ? only.stat : await shortStat(s, base, head)),
    trailers: commits.filter(({ trailers }) => trailers !== "").map(({ commit }) => commit),
  };
}

/** One commit of `log --shortstat`: its line, an empty one, and what it changed unless it is a merge. */
function readCommit(text: string): { commit: string; trailers: string; stat: string } {
  const [line = "", ...stat] = text.split("\n");
  const [commit = "", trailers = ""] = line.split("\t");
  return { commit, trailers, stat: stat.join("").trim() };
}

async function shortStat(s: Settling, base: string, head: string): Promise<string> {
  const args = ["diff", "--shortstat", "--no-ext-diff", "--no-textconv", `${base}...${head}`, "--"];
  return (await s.context.git({ at: { gitDir: s.of.mirror }, args, signal: s.o.signal })).stdout;
}

function countLines(stat: string): Pick<Measured, "additions" | "deletions"> {
  const count = (pattern: RegExp): number => Number(pattern.exec(stat)?.[1] ?? "0");
  return { additions: count(/(\d+) insertion/), deletions: count(/(\d+) deletion/) };
}

async function measureAgainst(s: Settling, head: string, heads: Heads): Promise<Measured> {
  const target = heads.get(branchRef(s.o.target)) ?? null;
  const base = s.o.startHead ?? target;
  if (base === null)
    throw failed("other", `The target branch ${s.o.target} is not on the remote.`, { head_sha: head });
  const known = await measure(s, base, head);
  if (known !== null) return known;
  if (s.o.startHead === null) await s.context.remotes.fetch(s.of, [branchRef(s.o.target)], s.o.signal);
  else await s.context.remotes.fetchCommit(s.of, base, s.o.signal);
  const fetched = await measure(s, base, head);
  if (fetched === null)
    throw failed("other", `The base commit ${base} could not be read from the remote.`, { head_sha: head });
  return fetched;
}

/**
 * The trailer proves a landing, so no agent may write it. What came in by merging the target or the
 * default branch carries it rightly.
 */
async function refuseTrailers(s: Settling, measured: Measured, head: string, heads: Heads): Promise<void> {
  if (measured.trailers.length === 0) return;
  const target = heads.get(branchRef(s.o.target));
  const landed = [
    trackingRef(branchRef(s.o.target)),
    trackingRef(branchRef(s.o.rig.default_branch)),
    ...(target ? [target] : []),
  ];
  const args = ["rev-list", "--ignore-missing", head, "--not", ...landed, "--"];
  const result = await s.context.git({ at: { gitDir: s.of.mirror }, args, signal: s.o.signal });
  const own = result.ok ? new Set(result.stdout.split("\n")) : null;
  const forged = measured.trailers.find((commit) => own === null || own.has(commit));
  if (forged === undefined) return;
  throw failed(
    "trailer",
    `Commit ${forged} carries a ${HEAD_TRAILER} trailer, which only the runner may write. Reword it.`,
    {
      head_sha: head,
    },
  );
}

/** Nobody could check out, test or land a commit whose submodule stands where no remote has it. */
async function refuseLinks(s: Settling, base: string, head: string): Promise<void> {
  const { context, tree, o } = s;
  const lost = await linksNobodyHas({ context, tree, head, signal: o.signal }, base);
  if (lost.length === 0) return;
  const list = lost.map(({ path, commit }) => `${path} (${commit.slice(0, 12)})`).join(", ");
  throw failed(
    "other",
    `No remote has the commits at which these are: ${list}. Put each back to a commit of its own remote, or take it out where it is no submodule; what you did inside is saved when you stop. Where it is needed, ask a person to publish it there.`,
    { head_sha: head },
  );
}

/** Whether our push may move the branch away from `remote`. */
async function mayReplace(s: Settling, remote: string, head: string): Promise<boolean> {
  const args = ["merge-base", "--is-ancestor", remote, head];
  const ancestor = await s.context.git({ at: { gitDir: s.of.mirror }, args, signal: s.o.signal });
  if (ancestor.ok) return true;
  if (!s.o.allowRewrite) return false;
  // A rewrite replaces only what this session knew: anything else is somebody's push.
  return remote === s.o.startHead || (await headHistory(s.tree.admin)).has(remote);
}

async function branchMoved(s: Settling, head: string | null): Promise<Settled> {
  const now =
    (await s.context.remotes.fetch(s.of, [branchRef(s.o.branch)], s.o.signal)).get(branchRef(s.o.branch)) ??
    head;
  return new Settled({ result: "branch_moved", head_sha: now, error: null });
}

async function afterPush(s: Settling, pushed: PushOutcome, head: string): Promise<void> {
  if (pushed.kind === "done") return;
  if (pushed.kind === "moved") throw await branchMoved(s, pushed.head);
  throw failed(pushed.kind, pushed.reason, { head_sha: head });
}

async function pushWork(s: Settling, head: string, heads: Heads): Promise<void> {
  const ref = branchRef(s.o.branch);
  const remote = heads.get(ref) ?? null;
  if (remote !== head) {
    if (remote !== null && !(await mayReplace(s, remote, head))) throw await branchMoved(s, remote);
    const update = { ref, to: head, expected: remote };
    await afterPush(s, await push(s.context.git, s.context.remotes, s.of, update, s.o.signal), head);
  }
  await noteSaved(s.tree.admin, head);
}

async function settleWork(s: Settling): Promise<SettleOutcome> {
  const { context, o } = s;
  const refs = [branchRef(o.branch), branchRef(o.target)];
  // The remote is read while the tree is: a failure to read it must not keep work uncommitted.
  const reading = context.remotes.heads(s.of, refs, o.signal);
  reading.catch(() => undefined);
  const status = await readStatus(context, s.tree, o.signal);
  if ("ended" in status) throw failed("other", `The worktree could not be read: ${gitWords(status)}`);
  const { head, committedDirty } = await commitWork(s, status);
  o.onCommitted?.(head);
  const known = { head_sha: head, committed_dirty: committedDirty };
  try {
    const heads = await reading;
    const measured = await measureAgainst(s, head, heads);
    const { base, commits, additions, deletions } = measured;
    const found = { ...known, base_sha: base, commits, additions, deletions };
    if (commits === 0) return outcome(o, { ...found, result: "nothing_to_push" });
    if (o.noChanges) return outcome(o, { ...found, result: "changes_present" });
    await Promise.all([refuseTrailers(s, measured, head, heads), refuseLinks(s, base, head)]);
    await pushWork(s, head, heads);
    return outcome(o, { ...found, result: "pushed" });
  } catch (error) {
    if (error instanceof Settled) return outcome(o, { ...known, ...error.outcome });
    throw remoteFailed(error, known);
  }
}

function outcome(
  o: SettleOptions,
  known: Partial<SettleOutcome> & Pick<SettleOutcome, "result">,
): SettleOutcome {
  return {
    branch: o.branch,
    base_sha: null,
    head_sha: null,
    commits: 0,
    additions: 0,
    deletions: 0,
    committed_dirty: false,
    error: null,
    ...known,
  };
}

/** See `GitWorkspace.settle`. */
export async function settle(context: GitContext, o: SettleOptions): Promise<SettleOutcome> {
  try {
    const of = await context.mirrors.of(o.rig);
    const tree = await openWithFiles(context, of.mirror, o.dir, o.signal);
    if (tree === null) throw failed("other", "The worktree of this session is gone.");
    return await settleWork({ context, of, tree, o });
  } catch (error) {
    const known = remoteFailed(error, {});
    if (known instanceof Settled) return outcome(o, known.outcome);
    throw known;
  }
}
