/** Why a session ends, as its last report says it. Pure. */
import type { FailureReason } from "@gastown/protocol";
import type { Death } from "../agents/agent-process.ts";
import type { Verdict } from "./deps.ts";
import type { Ending } from "./leaving.ts";
import { reasonOf } from "./refusal.ts";

function stderrField(tail: string): Pick<FailureReason, "stderr_tail"> {
  return tail === "" ? {} : { stderr_tail: tail.slice(-16_000) };
}

/**
 * `own`: whether the process was ended for this session's sake. One that the runner killed for a
 * neighbor's is nobody's failed attempt.
 */
export function endedByDeath(
  death: Death,
  { own, settled }: { own: boolean; settled: boolean },
  stderrTail: string,
): Ending {
  const failed = death.cause === "exit" || own;
  return {
    outcome: settled ? "completed" : failed ? "failed" : "evicted",
    reason: {
      code: death.cause === "exit" ? "agent_exited" : own ? "agent_hung" : "agent_killed",
      message: own ? `The agent did not even answer a cancel. ${death.message}` : death.message,
      ...stderrField(stderrTail),
    },
  };
}

export function endedByVerdict(verdict: Verdict): Ending {
  const message = `The town answered "${verdict}" for this session.`;
  return { outcome: "stopped", reason: { code: verdict, message } };
}

export function endedBySuccessor(sessionId: string): Ending {
  const message = `Session ${sessionId} took over this directory.`;
  return { outcome: "stopped", reason: { code: "superseded", message } };
}

export function endedByFailure(failure: FailureReason, stderrTail: string): Ending {
  return { outcome: "failed", reason: { ...failure, ...stderrField(stderrTail) } };
}

export function endedByRefusal(thrown: unknown, phase: FailureReason["phase"], stderrTail: string): Ending {
  if (thrown instanceof SessionOver) return thrown.ending;
  const reason = reasonOf(thrown, phase, stderrTail);
  return { outcome: reason.code === "agent_killed" ? "evicted" : "refused", reason };
}

/** What its settings now ask for cannot be had: nobody's failed attempt; its next start says why. */
export function endedByChange(thrown: unknown, stderrTail: string): Ending {
  return { outcome: "evicted", reason: reasonOf(thrown, "handshake", stderrTail) };
}

export const handedOver: Ending = {
  outcome: "completed",
  reason: { code: "settled", message: "Its work was handed over." },
};

/** Its worktree is gone, and what it had committed is not on the remote (spec/runner.md §2). */
export const workLost: Ending = {
  outcome: "lost",
  reason: {
    code: "worktree_lost",
    message: "Its worktree is gone, and the remote does not have what was to be handed over.",
  },
};

/** A start that turned out to have nothing left to do: its session ends, and no agent is needed. */
export class SessionOver extends Error {
  override readonly name = "SessionOver";
  readonly ending: Ending;

  constructor(ending: Ending) {
    super(ending.reason.message);
    this.ending = ending;
  }
}

export const leftIdle: Ending = {
  outcome: "completed",
  reason: { code: "idle", message: "The agent ended its turn and did not finish its work." },
};
