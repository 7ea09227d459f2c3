/**
 * Direct landing (spec/review.md §3). One round: read the remote, ask whether the work has landed,
 * build the commit on the target's head, run the gates on it, push it by compare-and-swap, read back.
 * A lost race is the next round, on the new head. Nothing is remembered between calls: the remote is
 * asked first, so a repeat after a crash or by a second runner lands the work once.
 */
import { createHash } from "node:crypto";
import type { EffectOutcome, MergeRequestBody } from "@gastown/protocol";
import { fill } from "./contents.ts";
import type { GitContext } from "./context.ts";
import { isRed, runGateList } from "./gates.ts";
import type { GateResult } from "./gates.ts";
import { landed, landedByName } from "./landed.ts";
import type { Landed } from "./landed.ts";
import { buildCommit } from "./merge-commit.ts";
import { effectFailure } from "./outcomes.ts";
import { push } from "./push.ts";
import type { PushOutcome } from "./push.ts";
import { branchRef } from "./refs.ts";
import type { Heads, RemoteOf } from "./remotes.ts";
import { withScratch } from "./scratch.ts";

interface Merging {
  readonly context: GitContext;
  readonly of: RemoteOf;
  readonly request: MergeRequestBody;
  readonly canPush: () => boolean;
  readonly signal: AbortSignal;
  /** Commits that this call pushed: finding one of them landed is not "already". */
  readonly pushed: Set<string>;
}

const ROUNDS = 6;

async function askLanded(m: Merging, target: string): Promise<Landed> {
  const { context, of, request, signal } = m;
  const first = await landed(context, of.mirror, request.reviewed_sha, target, signal);
  if (first.landed !== "unknown") return first;
  // The target moved elsewhere, or another machine settled the branch: get their commits and ask again.
  await context.remotes.fetch(of, [branchRef(request.target), branchRef(request.branch)], signal);
  const second = await landed(context, of.mirror, request.reviewed_sha, target, signal);
  if (second.landed !== "unknown") return second;
  if (await context.remotes.fetchCommit(of, request.reviewed_sha, signal)) {
    return landed(context, of.mirror, request.reviewed_sha, target, signal);
  }
  return landedByName(context, of.mirror, request.reviewed_sha, target, signal);
}

function hashOf(request: MergeRequestBody): string {
  return createHash("sha256")
    .update(JSON.stringify([request.gates, request.setup, request.env]))
    .digest("hex");
}

function runOn(m: Merging, commit: string): Promise<GateResult[]> {
  const { context, of, request, signal } = m;
  const { gates, setup, env, secret_env } = request;
  return withScratch(context, of.mirror, commit, signal, async (tree) => {
    await fill(context, { of, rig: request.rig, tree, author: null, signal });
    return runGateList(context, { dir: tree.dir, gates, setup, env, secret_env, signal });
  });
}

/** Names of the gates that are red on a target's head alone, asked once per head and set of gates. */
export class TargetGates {
  readonly #known = new Map<string, ReadonlySet<string>>();

  async red(m: Merging, target: string): Promise<ReadonlySet<string>> {
    const key = `${m.request.rig.id} ${target} ${hashOf(m.request)}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const red = new Set((await runOn(m, target)).filter(isRed).map((gate) => gate.name));
    this.#known.set(key, red);
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= 100) break;
      this.#known.delete(oldest);
    }
    return red;
  }
}

/** Null: green, or no gates at all. */
async function gateMerged(
  m: Merging,
  targetGates: TargetGates,
  commit: string,
  target: string,
): Promise<EffectOutcome | null> {
  if (m.request.gates.length === 0) return null;
  const gates = await runOn(m, commit);
  const red = gates.filter(isRed);
  if (red.length === 0) return null;
  const alone = await targetGates.red(m, target);
  return {
    outcome: "gates_failed",
    gates,
    target_red: red.every((gate) => alone.has(gate.name)),
    target_head: target,
  };
}

/** Where the work stands on the remote before anything is built. Null: go on. */
async function standing(m: Merging, heads: Heads, target: string): Promise<EffectOutcome | null> {
  const { request } = m;
  const found = await askLanded(m, target);
  if (found.landed === true)
    return { outcome: "merged", commit: found.commit, already: !m.pushed.has(found.commit) };
  const head = heads.get(branchRef(request.branch)) ?? null;
  if (head === null) return { outcome: "missing_ref", ref: branchRef(request.branch) };
  return head === request.reviewed_sha ? null : { outcome: "head_moved", head };
}

function pushOutcome(pushed: Exclude<PushOutcome, { kind: "moved" }>, commit: string): EffectOutcome {
  if (pushed.kind === "done") return { outcome: "merged", commit, already: false };
  if (pushed.kind === "network") return { outcome: "error", message: pushed.reason };
  return { outcome: pushed.kind, reason: pushed.reason };
}

/** One round; null: somebody else moved the target, begin anew on its head. */
async function round(m: Merging, targetGates: TargetGates): Promise<EffectOutcome | null> {
  const { context, of, request, signal } = m;
  const targetRef = branchRef(request.target);
  const heads = await context.remotes.heads(of, [targetRef, branchRef(request.branch)], signal);
  const target = heads.get(targetRef) ?? null;
  if (target === null) return { outcome: "missing_ref", ref: targetRef };
  const known = await standing(m, heads, target);
  if (known !== null) return known;
  const built = await buildCommit({ context, mirror: of.mirror, request, onto: target, signal });
  if (built.kind === "error") return { outcome: "error", message: built.message };
  if (built.kind === "conflict") return { outcome: "conflict", files: built.files };
  const red = await gateMerged(m, targetGates, built.commit, target);
  if (red !== null) return red;
  signal.throwIfAborted();
  if (!m.canPush()) return { outcome: "withdrawn" };
  m.pushed.add(built.commit);
  const update = { ref: targetRef, to: built.commit, expected: target };
  const pushed = await push(context.git, context.remotes, of, update, signal);
  return pushed.kind === "moved" ? null : pushOutcome(pushed, built.commit);
}

/** See `GitWorkspace.merge`. The caller lets one merge per rig and target run at a time. */
export async function merge(
  context: GitContext,
  targetGates: TargetGates,
  request: MergeRequestBody,
  canPush: () => boolean,
  signal: AbortSignal,
): Promise<EffectOutcome> {
  try {
    const of = await context.mirrors.of(request.rig);
    const merging: Merging = { context, of, request, canPush, signal, pushed: new Set() };
    for (let attempt = 0; attempt < ROUNDS; attempt += 1) {
      const outcome = await round(merging, targetGates);
      if (outcome !== null) return outcome;
      context.log("merge_race", { rig: request.rig.id, target: request.target, round: attempt + 1 });
    }
    // The last push may have landed below somebody else's.
    const heads = await context.remotes.heads(of, [branchRef(request.target)], signal);
    const target = heads.get(branchRef(request.target)) ?? null;
    const found = target === null ? null : await askLanded(merging, target);
    if (found?.landed === true) return { outcome: "merged", commit: found.commit, already: false };
    return { outcome: "race_lost" };
  } catch (error) {
    return effectFailure(error);
  }
}
