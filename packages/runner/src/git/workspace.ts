import { mkdirSync, realpathSync } from "node:fs";
import type { EffectOutcome, GatesRequest } from "@gastown/protocol";
import { branch } from "./branches.ts";
import { runChild } from "./child.ts";
import { fill } from "./contents.ts";
import { asGitFailure } from "./failure.ts";
import { diff, treeDiff } from "./diff.ts";
import { forgetMirror, forgetSlot, places } from "./forget.ts";
import type { GitContext } from "./context.ts";
import { runGateList } from "./gates.ts";
import { createGit } from "./git.ts";
import { merge, TargetGates } from "./merge.ts";
import { Mirrors } from "./mirrors.ts";
import { effectFailure } from "./outcomes.ts";
import { prepareWorktree } from "./prepare.ts";
import { recover } from "./recover.ts";
import { branchRef } from "./refs.ts";
import { Remotes } from "./remotes.ts";
import { saveWork } from "./save.ts";
import { withScratch } from "./scratch.ts";
import { settle } from "./settle.ts";
import { check, setupRig } from "./setup.ts";
import type { GitWorkspace, GitWorkspaceOptions } from "./types.ts";
import { updateBranch } from "./update.ts";
import { KeyedLock, Semaphore } from "./waiting.ts";

const HEAVY_RUNS_AT_ONCE = 2;

function createContext(options: GitWorkspaceOptions): GitContext {
  mkdirSync(options.root, { recursive: true, mode: 0o700 });
  const root = realpathSync(options.root);
  const { gitEnv, allowLocal, access } = options;
  const git = createGit({ root, gitEnv, allowLocal, access, runChild: options.runChild ?? runChild });
  return {
    root,
    allowLocal,
    git,
    log: options.log,
    mirrors: new Mirrors({ root, allowLocal: options.allowLocal, git }),
    remotes: new Remotes(git),
    gateEnv: Object.fromEntries(
      Object.entries(options.gitEnv).filter(([name]) => name.startsWith("GASTOWN_")),
    ),
    branchesOnly: new Set(),
    heavyRuns: options.heavyRuns ?? new Semaphore(HEAVY_RUNS_AT_ONCE),
    logs: options.logs ?? null,
  };
}

async function runGates(
  context: GitContext,
  request: GatesRequest,
  signal: AbortSignal,
): Promise<EffectOutcome> {
  try {
    const of = await context.mirrors.of(request.rig);
    const commit = request.head_sha;
    const known =
      (await context.remotes.hasCommit(of, commit, signal)) ||
      (await context.remotes.fetchCommit(of, commit, signal));
    if (!known) return { outcome: "missing_ref", ref: commit };
    const { gates, setup, env, secret_env } = request;
    const results = await withScratch(context, of.mirror, commit, signal, async (tree) => {
      await fill(context, { of, rig: request.rig, tree, author: null, signal });
      return runGateList(context, { dir: tree.dir, gates, setup, env, secret_env, signal });
    });
    return { outcome: "gates_done", gates: results };
  } catch (error) {
    return effectFailure(error);
  }
}

/**
 * Git for one town (spec/runner.md §5). The caller holds the exclusive lock on `root` and, before its
 * first call, has ended what an earlier instance left running: that call clears half-done things.
 */
export function createGitWorkspace(options: GitWorkspaceOptions): GitWorkspace {
  const context = createContext(options);
  const targetGates = new TargetGates();
  const slots = new KeyedLock();
  const lanes = new KeyedLock();
  // With the first call, not here: by then the caller has ended what an earlier instance left running.
  let ready: Promise<void> | null = null;
  const after = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      ready ??= recover(context.root).catch((error: unknown) => {
        ready = null;
        throw error;
      });
      await ready;
      return await work();
    } catch (error) {
      throw asGitFailure(error) ?? error;
    }
  };
  return {
    check: (url, branchName, signal, rigId) =>
      after(() => check(context, options.allowLocal, url, branchName, signal, rigId ?? null)),
    setupRig: (rig, signal) => after(() => setupRig(context, options.allowLocal, rig, signal)),
    prepareWorktree: (o) =>
      after(() => slots.run(`${o.slot} ${o.rig.id}`, o.signal, () => prepareWorktree(context, o))),
    head: (rig, name, signal) =>
      after(async () => {
        const ref = branchRef(name);
        const of = await context.mirrors.of(rig);
        return (await context.remotes.heads(of, [ref], signal)).get(ref) ?? null;
      }),
    places: () => places(context),
    forgetSlot: (slot) => after(() => forgetSlot(context, slot)),
    forgetMirror: (rigId) => after(() => forgetMirror(context, rigId)),
    diff: (query, signal) => after(() => diff(context, query, signal)),
    treeDiff: (o) => after(() => treeDiff(context, o)),
    settle: (o) => after(() => settle(context, o)),
    saveWork: (o) => after(() => saveWork(context, o)),
    branch: (request, signal) => after(() => branch(context, request, signal)),
    runGates: (request, signal) => after(() => runGates(context, request, signal)),
    updateBranch: (request, canPush, signal) => after(() => updateBranch(context, request, canPush, signal)),
    merge: (request, canPush, signal) =>
      after(() =>
        lanes.run(`${request.rig.id} ${request.target}`, signal, () =>
          merge(context, targetGates, request, canPush, signal),
        ),
      ),
  };
}
