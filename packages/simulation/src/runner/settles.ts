/** Commit, push, read back (spec/review.md §1): idempotent by `settle_id`, the result by callback. */
import type { SettleRequest, SettleResult } from "@gastown/protocol";
import { SECOND } from "../kernel/timeline.ts";
import type { AgentSession } from "./agent-session.ts";

type Found = Pick<SettleResult, "result"> & Partial<SettleResult>;

export class Settles {
  readonly #session: AgentSession;
  readonly #results = new Map<string, SettleResult | null>();

  constructor(session: AgentSession) {
    this.#session = session;
  }

  begin(request: SettleRequest): void {
    const known = this.#results.get(request.settle_id);
    if (known === null) return;
    if (known !== undefined) return this.#send(known);
    this.#results.set(request.settle_id, null);
    const { runner } = this.#session;
    runner.later(runner.random.skewed(500, 20 * SECOND), () => {
      const result = this.#result(request);
      runner.later(runner.random.between(0, 2_000), () => {
        this.#results.set(request.settle_id, result);
        this.#send(result);
      });
    });
  }

  #send(result: SettleResult): void {
    const { id, runner } = this.#session;
    runner.callbacks.add({
      lane: id,
      name: `settled ${id} (${result.result})`,
      tell: (town) => town.post({ type: "session_settled", sessionId: id, result }),
    });
  }

  #result(request: SettleRequest): SettleResult {
    return {
      epoch: this.#session.epoch,
      settle_id: request.settle_id,
      branch: this.#session.plan.branch,
      base_sha: this.#session.tree?.base ?? null,
      head_sha: null,
      commits: 0,
      additions: 0,
      deletions: 0,
      committed_dirty: false,
      error: null,
      ...this.#push(request),
    };
  }

  #push(request: SettleRequest): Found {
    const { plan, tree, runner } = this.#session;
    if (!tree || plan.branch === null || plan.target === null) return failed("other", "no worktree");
    const { faults } = runner.world;
    const remote = runner.world.remote(tree.rigId);
    const target = plan.start_head ?? remote.branch(plan.target);
    if (target === null) return { ...failed("other", "the target is gone"), result: "error" };
    const commits = remote.history.beyond(tree.head, target).length;
    if (commits === 0) return { result: "nothing_to_push" };
    if (request.no_changes) return { result: "changes_present", commits };
    if (faults.hit("push_auth")) return failed(runner.random.pick(["auth", "rejected"]), "refused");
    const there = remote.branch(plan.branch);
    if (there !== null && !remote.history.contains(tree.head, there))
      return { result: "branch_moved", head_sha: there, commits };
    if (faults.hit("push_network")) return failed("network", "no network");
    remote.swap(`refs/heads/${plan.branch}`, there, tree.head);
    return { result: "pushed", head_sha: tree.head, commits, additions: commits, deletions: 0 };
  }
}

function failed(kind: "auth" | "rejected" | "network" | "other", message: string): Found {
  return { result: "push_failed", error: { kind, message } };
}
