/** No commit is lost with its session: it goes to a ref of its own before anything else (spec/runner.md §5). */
import type { SessionEnded, Usage } from "@gastown/protocol";
import { MINUTE } from "../kernel/timeline.ts";
import type { Worktree } from "./disk.ts";
import type { Runner } from "./runner.ts";

/** As a runner reports of a session that another one had. */
export const NO_USAGE: Usage = { tokens_in: 0, tokens_out: 0, usd: 0, usd_known: false };

export const wipRef = (sessionId: string): string => `refs/gastown/wip/${sessionId}`;

export interface SessionEnd {
  outcome: SessionEnded["outcome"];
  code: string;
  /** Of the session that ends; left out: of whoever had its worktree last. */
  epoch?: number;
  /** When to try again: epoch ms, by the machine's clock. */
  until?: number | undefined;
  usage: Usage;
}

export const LEFT_OVER: SessionEnd = { outcome: "evicted", code: "left_over", usage: NO_USAGE };

/** Saves what no remote ref has, then says that the session is over. Repeated until the push succeeds. */
export function saveWork(runner: Runner, tree: Worktree, end: SessionEnd): void {
  const { world, disk } = runner;
  disk.setAside(tree);
  const remote = world.remote(tree.rigId);
  const unsaved = tree.head !== tree.base && !remote.holds(tree.head) && world.lacks !== "saved_work";
  if (unsaved && world.faults.hit("push_network")) {
    runner.later(MINUTE, () => saveWork(runner, tree, end));
    return;
  }
  const ref = refToSave(runner, tree);
  if (unsaved) remote.swap(ref, remote.read(ref), tree.head);
  if (tree.head !== tree.base)
    world.note(
      () =>
        `work of ${tree.sessionId} at ${tree.head.slice(-4)} is ${unsaved ? `saved as ${ref}` : "saved already"}`,
    );
  disk.remove(tree);
  world.removed(tree);
  reportEnd(runner, tree, end, unsaved ? ref : null);
}

/** Beside what another runner saved of the same session, and not in its place. */
function refToSave({ world }: Runner, { sessionId, rigId, head }: Worktree): string {
  const own = wipRef(sessionId);
  const there = world.remote(rigId).read(own);
  return there === null || world.history.contains(head, there) ? own : `${own}-${head}`;
}

export function reportEnd(
  runner: Runner,
  { sessionId, epoch: last }: { sessionId: string; epoch: number },
  { outcome, code, epoch = last, until, usage }: SessionEnd,
  workRef: string | null,
): void {
  const ended: SessionEnded = {
    epoch,
    outcome,
    reason: { code, message: code, ...(until === undefined ? {} : { until }) },
    work_ref: workRef,
    usage,
  };
  runner.callbacks.add({
    lane: sessionId,
    name: `ended ${sessionId} (${outcome})`,
    tell: (town) => town.post({ type: "session_ended", sessionId, ended }),
  });
}
