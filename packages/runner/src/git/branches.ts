/** Making and deleting branches of the remote (spec/runner.md §1, `POST /git/branch`). */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { BranchRequest, EffectOutcome } from "@gastown/protocol";
import type { GitContext } from "./context.ts";
import { effectFailure } from "./outcomes.ts";
import { push } from "./push.ts";
import type { PushOutcome } from "./push.ts";
import { branchRef, isCommitId, isFullRef, isSavedRef } from "./refs.ts";
import type { RemoteOf } from "./remotes.ts";
import { listWorktrees } from "./worktrees.ts";

interface Branching {
  readonly context: GitContext;
  readonly of: RemoteOf;
  readonly request: BranchRequest;
  readonly signal: AbortSignal;
}

function pushed(outcome: PushOutcome, head: string | null): EffectOutcome {
  if (outcome.kind === "done") return { outcome: "branch_done", head_sha: head };
  if (outcome.kind === "moved") return { outcome: "error", message: "The branch moved while it was pushed." };
  return outcome.kind === "network"
    ? { outcome: "error", message: outcome.reason }
    : { outcome: outcome.kind, reason: outcome.reason };
}

/** The branch is there: a repeat, or another's. It is ours if it holds the commit it was to begin at. */
async function existing(b: Branching, head: string, from: string): Promise<EffectOutcome> {
  const done: EffectOutcome = { outcome: "branch_done", head_sha: head };
  // `from` may be a branch that went on since the first try made this one: only a commit can be missed.
  if (head === from || !isCommitId(from)) return done;
  await b.context.remotes.fetch(b.of, [branchRef(b.request.branch)], b.signal);
  const args = ["merge-base", "--is-ancestor", from, head];
  const ancestor = await b.context.git({ at: { gitDir: b.of.mirror }, args, signal: b.signal });
  if (ancestor.ok) return done;
  return {
    outcome: "rejected",
    reason: `The branch ${b.request.branch} exists at ${head}, which does not contain ${from}.`,
  };
}

/** The commit that `from` names, in the mirror; null where the remote does not have it. */
async function startCommit(b: Branching, from: string): Promise<string | null> {
  if (!isCommitId(from)) return (await b.context.remotes.fetch(b.of, [from], b.signal)).get(from) ?? null;
  if (await b.context.remotes.hasCommit(b.of, from, b.signal)) return from;
  return (await b.context.remotes.fetchCommit(b.of, from, b.signal)) ? from : null;
}

async function create(b: Branching): Promise<EffectOutcome> {
  const ref = branchRef(b.request.branch);
  const wanted = b.request.from;
  if (wanted === null) return { outcome: "error", message: "A branch needs a ref or commit to begin at." };
  // A plain branch name is taken for one, so that callers may pass what they show to people.
  const from = isCommitId(wanted) || wanted.startsWith("refs/") ? wanted : branchRef(wanted);
  if (!isCommitId(from) && !isFullRef(from)) return { outcome: "missing_ref", ref: wanted };
  const head = (await b.context.remotes.heads(b.of, [ref], b.signal)).get(ref) ?? null;
  if (head !== null) return existing(b, head, from);
  const start = await startCommit(b, from);
  if (start === null) return { outcome: "missing_ref", ref: wanted };
  const result = await push(
    b.context.git,
    b.context.remotes,
    b.of,
    { ref, to: start, expected: null },
    b.signal,
  );
  if (result.kind === "moved" && result.head !== null) return existing(b, result.head, from);
  return pushed(result, start);
}

/** Drops the mirror's own branch of that name too, unless a worktree stands on it. */
async function forgetLocal(b: Branching, head: string): Promise<void> {
  const ref = branchRef(b.request.branch);
  for (const tree of await listWorktrees(b.of.mirror)) {
    const at = await readFile(join(tree.admin, "HEAD"), "utf8").catch(() => "");
    if (at.trim() === `ref: ${ref}`) return;
  }
  await b.context.git({
    at: { gitDir: b.of.mirror },
    args: ["update-ref", "-d", ref, head],
    signal: b.signal,
  });
}

async function remove(b: Branching): Promise<EffectOutcome> {
  const ref = branchRef(b.request.branch);
  const expected = b.request.expected_head;
  if (expected === null)
    return { outcome: "error", message: "A branch is deleted only at the head that was recorded." };
  // The lease looks and acts in one: gone already is the state that was wanted, and is read back.
  const result = await push(b.context.git, b.context.remotes, b.of, { ref, to: null, expected }, b.signal);
  if (result.kind === "moved") {
    return {
      outcome: "rejected",
      reason: `The branch ${b.request.branch} stands at ${result.head}, no longer at ${expected}.`,
    };
  }
  if (result.kind !== "done") return pushed(result, null);
  await forgetLocal(b, expected);
  return { outcome: "branch_done", head_sha: null };
}

/** Saved work of a session is nobody's branch, and moves no more when it is old. */
async function forget(b: Branching): Promise<EffectOutcome> {
  const ref = b.request.branch;
  if (!isSavedRef(ref)) return { outcome: "rejected", reason: `${ref} is no ref of saved work.` };
  const expected = (await b.context.remotes.heads(b.of, [ref], b.signal)).get(ref) ?? null;
  if (expected === null) return { outcome: "branch_done", head_sha: null };
  const result = await push(b.context.git, b.context.remotes, b.of, { ref, to: null, expected }, b.signal);
  return pushed(result, null);
}

const OPERATIONS = { create, delete: remove, forget } as const;

/** See `GitWorkspace.branch`. */
export async function branch(
  context: GitContext,
  request: BranchRequest,
  signal: AbortSignal,
): Promise<EffectOutcome> {
  try {
    const of = await context.mirrors.of(request.rig);
    const branching: Branching = { context, of, request, signal };
    return await OPERATIONS[request.operation](branching);
  } catch (error) {
    return effectFailure(error);
  }
}
