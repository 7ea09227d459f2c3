/**
 * What the runner does with repositories for the town: set-up, branches, gates, merges
 * (spec/review.md §3). Accepted at once, the result by callback; known by the effect's id.
 */
import type {
  BranchRequest,
  EffectOutcome,
  GateResult,
  GatesRequest,
  MergeRequestBody,
  SetupRigRequest,
  UpdateBranchRequest,
} from "@gastown/protocol";
import type { Reply } from "../kernel/network.ts";
import { MINUTE, SECOND } from "../kernel/timeline.ts";
import type { Remote } from "../world/remote.ts";
import type { Runner } from "./runner.ts";

interface Work {
  result: EffectOutcome | null;
  withdrawn: boolean;
  pushing: boolean;
}

const ACCEPTED: Reply<unknown> = { type: "ok", value: { accepted: true } };
const MAX_RACES = 5;

export class Landing {
  readonly #runner: Runner;
  readonly #work = new Map<string, Work>();

  constructor(runner: Runner) {
    this.#runner = runner;
  }

  setup(body: SetupRigRequest): Reply<unknown> {
    return this.#once(body.effect_id, body.attempt, 20 * SECOND, () => {
      if (this.#runner.world.faults.hit("rig_broken"))
        return { outcome: "rig_broken", problem: "unreachable", message: "no route", action: "wait" };
      const head = this.#runner.world.remote(body.rig.id).branch("main");
      return { outcome: "rig_ready", default_branch: "main", head_sha: head ?? "" };
    });
  }

  branch(body: BranchRequest): Reply<unknown> {
    return this.#once(body.effect_id, body.attempt, 5 * SECOND, () => {
      const remote = this.#runner.world.remote(body.rig.id);
      const ref = body.operation === "forget" ? body.branch : `refs/heads/${body.branch}`;
      const there = remote.read(ref);
      if (body.operation === "forget") {
        if (there !== null) remote.swap(ref, there, null);
        return { outcome: "branch_done", head_sha: null };
      }
      if (body.operation === "delete") {
        if (there !== null && there === body.expected_head) remote.swap(ref, there, null);
        return { outcome: "branch_done", head_sha: null };
      }
      if (there !== null) return { outcome: "branch_done", head_sha: there };
      const from = body.from === null ? null : remote.resolve(body.from);
      if (from === null) return { outcome: "missing_ref", ref: body.from ?? "" };
      remote.swap(ref, null, from);
      return { outcome: "branch_done", head_sha: from };
    });
  }

  gates(body: GatesRequest): Reply<unknown> {
    return this.#once(body.effect_id, body.attempt, 5 * MINUTE, () => {
      const { world } = this.#runner;
      if (world.faults.hit("gate_broken")) return { outcome: "error", message: "the gates could not be run" };
      return { outcome: "gates_done", gates: gateResults(body, world.history.get(body.head_sha).red) };
    });
  }

  /** The target merged into a branch, unless somebody has done that and nothing else (spec/review.md §4.4). */
  update(body: UpdateBranchRequest): Reply<unknown> {
    return this.#once(body.effect_id, body.attempt, MINUTE, () => {
      const remote = this.#runner.world.remote(body.rig.id);
      const { history } = remote;
      const [head, target] = [remote.branch(body.branch), remote.branch(body.target)];
      if (head === null) return missing(body.branch);
      if (target === null) return missing(body.target);
      if (head !== body.head_sha)
        return history.isOnlyUpdate(head, body.head_sha, target)
          ? { outcome: "branch_updated", head }
          : { outcome: "head_moved", head };
      if (body.check_head !== null || history.contains(head, target))
        return { outcome: "branch_updated", head };
      const files = history.conflicts(head, target);
      if (files.length > 0) return { outcome: "conflict", files: files.map(String) };
      const red = history.get(head).red || history.get(target).red;
      const made = history.commit({ parents: [head, target], files: [], red, trailer: null, by: "town" });
      remote.swap(`refs/heads/${body.branch}`, head, made);
      return { outcome: "branch_updated", head: made };
    });
  }

  /** Takes a merge back until its push begins. */
  withdraw(effectId: string): Reply<unknown> {
    const work = this.#work.get(effectId);
    if (!work) return { type: "error", code: "not_found" };
    if (work.pushing || work.result) return { type: "error", code: "invalid_transition" };
    work.withdrawn = true;
    return { type: "ok", value: null };
  }

  merge(body: MergeRequestBody): Reply<unknown> {
    const known = this.#attach(body.effect_id, body.attempt);
    if (known) return known;
    const work: Work = { result: null, withdrawn: false, pushing: false };
    this.#work.set(body.effect_id, work);
    this.#tryMerge(body, work, 1);
    return ACCEPTED;
  }

  #tryMerge(body: MergeRequestBody, work: Work, round: number): void {
    const { runner, remote } = { runner: this.#runner, remote: this.#runner.world.remote(body.rig.id) };
    runner.later(runner.random.skewed(SECOND, 3 * MINUTE), () => {
      const target = remote.branch(body.target);
      const early = this.#beforePush(body, work, target);
      if (early || target === null) return this.#finish(body, work, early ?? missing(body.target));
      const merged = this.#mergeCommit(body, remote, target);
      const gates = gateResults(body, remote.history.get(merged).red);
      if (gates.some((gate) => gate.exit_code !== 0)) {
        const target_red = remote.history.get(target).red;
        return this.#finish(body, work, { outcome: "gates_failed", gates, target_red, target_head: target });
      }
      runner.later(runner.random.skewed(SECOND, MINUTE), () =>
        this.#push(body, work, remote, target, merged, round),
      );
    });
  }

  /** What ends it before anything is pushed; first of all, whether it has landed already. */
  #beforePush(body: MergeRequestBody, work: Work, target: string | null): EffectOutcome | null {
    const { world } = this.#runner;
    const remote = world.remote(body.rig.id);
    if (target === null) return missing(body.target);
    if (world.lacks !== "landed_question" && remote.history.landed(body.reviewed_sha, target))
      return { outcome: "merged", commit: target, already: true };
    if (work.withdrawn) return { outcome: "withdrawn" };
    const head = remote.branch(body.branch);
    if (head !== body.reviewed_sha) return { outcome: "head_moved", head };
    const files = remote.history.conflicts(head, target);
    if (files.length > 0) return { outcome: "conflict", files: files.map(String) };
    return world.faults.hit("merge_error") ? { outcome: "error", message: "disk" } : null;
  }

  #mergeCommit(body: MergeRequestBody, remote: Remote, target: string): string {
    const head = remote.history.get(body.reviewed_sha);
    const red = head.red || remote.history.get(target).red;
    const ours = remote.history.beyond(body.reviewed_sha, target);
    const files = [...new Set(ours.flatMap((commit) => commit.files))];
    return body.method === "merge"
      ? remote.history.commit({ parents: [target, head.sha], files: [], red, trailer: null, by: "town" })
      : remote.history.commit({ parents: [target], files, red, trailer: head.sha, by: "town" });
  }

  #push(
    body: MergeRequestBody,
    work: Work,
    remote: Remote,
    from: string,
    merged: string,
    round: number,
  ): void {
    const { runner } = { runner: this.#runner };
    if (work.withdrawn) return this.#finish(body, work, { outcome: "withdrawn" });
    work.pushing = true;
    if (runner.world.faults.hit("merge_rejected"))
      return this.#finish(
        body,
        work,
        runner.random.pick([
          { outcome: "rejected", reason: "hook" },
          { outcome: "auth", reason: "token" },
        ]),
      );
    if (!remote.swap(`refs/heads/${body.target}`, from, merged)) {
      work.pushing = false;
      if (round >= MAX_RACES) return this.#finish(body, work, { outcome: "race_lost" });
      return this.#tryMerge(body, work, round + 1);
    }
    remote.merges.push({ head: body.reviewed_sha, target: body.target, commit: merged, judged: false });
    runner.world.pushed();
    runner.world.note(() => `${runner.name} pushed ${body.reviewed_sha.slice(-4)} to ${body.target}`);
    runner.later(runner.random.between(0, 2_000), () =>
      this.#finish(body, work, { outcome: "merged", commit: merged, already: false }),
    );
  }

  #once(effectId: string, attempt: number, longest: number, work: () => EffectOutcome): Reply<unknown> {
    const known = this.#attach(effectId, attempt);
    if (known) return known;
    const entry: Work = { result: null, withdrawn: false, pushing: false };
    this.#work.set(effectId, entry);
    const runner = this.#runner;
    runner.later(runner.random.skewed(200, longest), () => {
      const result = work();
      runner.later(runner.random.between(0, 1_000), () =>
        this.#finish({ effect_id: effectId, attempt }, entry, result),
      );
    });
    return ACCEPTED;
  }

  /** Known already: what runs goes on, what has ended is told again. */
  #attach(effectId: string, attempt: number): Reply<unknown> | null {
    const known = this.#work.get(effectId);
    if (!known) return null;
    if (known.result) this.#tell(effectId, attempt, known.result);
    return ACCEPTED;
  }

  #finish(body: { effect_id: string; attempt: number }, work: Work, result: EffectOutcome): void {
    if (this.#runner.world.faults.hit("work_forgotten")) {
      this.#work.delete(body.effect_id);
      return;
    }
    work.result = result;
    this.#tell(body.effect_id, body.attempt, result);
  }

  #tell(effectId: string, attempt: number, outcome: EffectOutcome): void {
    this.#runner.callbacks.add({
      lane: effectId,
      name: `${outcome.outcome} ${effectId}`,
      tell: (town, runnerEpoch) =>
        town.post({ type: "effect_settled", effectId, runnerEpoch, attempt, outcome }),
    });
  }
}

function missing(ref: string): EffectOutcome {
  return { outcome: "missing_ref", ref };
}

function gateResults(body: { gates: GatesRequest["gates"] }, red: boolean): GateResult[] {
  return body.gates.map((gate) => ({
    name: gate.name,
    exit_code: red ? 1 : 0,
    duration_ms: 1,
    required: gate.required,
    log_tail: "",
  }));
}
