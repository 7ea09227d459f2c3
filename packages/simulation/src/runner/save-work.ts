/** No commit is lost with its session: it goes to a ref of its own before anything else (spec/runner.md §5). */
import type { SessionEnded } from "@gastown/protocol";
import { MINUTE } from "../kernel/timeline.ts";
import type { Worktree } from "./disk.ts";
import type { Runner } from "./runner.ts";

export const NO_USAGE = { tokens_in: 0, tokens_out: 0, usd: 0, usd_known: false };

/** Saves what no remote ref has, then says that the session is over. Repeated until the push succeeds. */
export function saveWork(
  runner: Runner,
  tree: Worktree,
  outcome: SessionEnded["outcome"],
  code: string,
): void {
  const remote = runner.world.remote(tree.rigId);
  const unsaved = tree.head !== tree.base && !remote.holds(tree.head);
  if (unsaved && runner.world.faults.hit("push_network")) {
    runner.later(MINUTE, () => saveWork(runner, tree, outcome, code));
    return;
  }
  const ref = `refs/gastown/wip/${tree.sessionId}`;
  if (unsaved) remote.swap(ref, remote.read(ref), tree.head);
  if (runner.disk.worktrees.get(tree.agentId) === tree) runner.disk.worktrees.delete(tree.agentId);
  reportEnd(runner, tree.sessionId, tree.epoch, outcome, code, unsaved ? ref : null);
}

export function reportEnd(
  runner: Runner,
  sessionId: string,
  epoch: number,
  outcome: SessionEnded["outcome"],
  code: string,
  workRef: string | null,
): void {
  const ended: SessionEnded = {
    epoch,
    outcome,
    reason: { code, message: code },
    work_ref: workRef,
    usage: NO_USAGE,
  };
  runner.callbacks.add({
    lane: sessionId,
    name: `ended ${sessionId} (${outcome})`,
    tell: (town) => town.post({ type: "session_ended", sessionId, ended }),
  });
}
