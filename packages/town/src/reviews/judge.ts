/**
 * Whether a pull request may be merged, from one reading (spec/review.md §4.3, §4.4). Pure. Whatever
 * could not be read, or is not known here, keeps it from merging.
 */
import type {
  ChangeRequest,
  CheckRun,
  PullRequest,
  PullRequestSignals,
  ReviewThread,
} from "@gastown/protocol";
import type { Waiting } from "../beads/waiting.ts";
import { MINUTE } from "../kernel/context.ts";

/** That a head has no checks at all is believed only this long after its push. */
export const CHECKS_APPEAR = 2 * MINUTE;

export interface JudgeInput {
  pr: PullRequest;
  signals: PullRequestSignals | null;
  target: string;
  /** When the head was pushed, and when this reading was taken (epoch ms). */
  headAt: number;
  readAt: number;
  requireChecks: boolean;
  /** Ids of unresolved threads that do not keep it from merging. */
  passing: ReadonlySet<string>;
}

export interface Judgement {
  conflict: boolean;
  /** Unresolved threads that block. */
  threads: readonly ReviewThread[];
  red: readonly CheckRun[];
  /** What those who ask for changes of this head say to it as a whole. */
  requests: readonly ChangeRequest[];
  /** The first that keeps it from merging, or null: green, perhaps but for being behind. */
  waits: Waiting | null;
  behind: boolean;
}

const FINE: readonly CheckRun["state"][] = ["success", "skipped", "neutral"];

export function judge(input: JudgeInput): Judgement {
  const { pr, signals, passing } = input;
  const unresolvedThreads = signals?.threads.state === "known" ? signals.threads.unresolved : [];
  const threads = unresolvedThreads.filter(({ id }) => !passing.has(id));
  const checks = signals?.checks.state === "known" ? signals.checks.items : [];
  const red = checks.filter(
    ({ state }) => !FINE.includes(state) && state !== "pending" && state !== "unknown",
  );
  return {
    conflict: pr.state === "open" && pr.mergeable === "dirty",
    threads,
    red,
    requests: (signals?.approval.state === "known" && signals.approval.requests) || [],
    waits: firstWait(input, threads, checks, red),
    behind: pr.mergeable === "behind",
  };
}

function firstWait(
  input: JudgeInput,
  threads: readonly ReviewThread[],
  checks: readonly CheckRun[],
  red: readonly CheckRun[],
): Waiting | null {
  return (
    notOffered(input) ??
    conflict(input) ??
    unresolved(threads) ??
    redChecks(red) ??
    unknown(input) ??
    pendingChecks(input, checks) ??
    approval(input) ??
    blockedByRules(input)
  );
}

function notOffered({ pr, target }: JudgeInput): Waiting | null {
  if (pr.state !== "open") return { code: "unknown", message: `its pull request is ${pr.state}` };
  if (pr.base !== target)
    return {
      code: "manual",
      message: `its pull request goes into ${pr.base} now, not into ${target}: change that back there`,
    };
  if (pr.draft) return { code: "manual", message: "its pull request is a draft: mark it as ready" };
  return null;
}

function conflict({ pr, target }: JudgeInput): Waiting | null {
  return pr.mergeable === "dirty" ? { code: "conflict", message: `conflicts with ${target}` } : null;
}

function unresolved(threads: readonly ReviewThread[]): Waiting | null {
  if (threads.length === 0) return null;
  return {
    code: "threads",
    message: `has ${threads.length} unresolved ${threads.length === 1 ? "thread" : "threads"}`,
  };
}

const names = (checks: readonly CheckRun[]): string =>
  checks.length > 5
    ? `${checks
        .slice(0, 5)
        .map(({ name }) => name)
        .join(", ")} and ${checks.length - 5} more`
    : checks.map(({ name }) => name).join(", ");

function redChecks(red: readonly CheckRun[]): Waiting | null {
  return red.length === 0 ? null : { code: "checks", message: `red: ${names(red)}` };
}

function unknown({ pr, signals }: JudgeInput): Waiting | null {
  const why = (what: string, reason: string): Waiting => ({
    code: "unknown",
    message: `${what} could not be read: ${reason}`,
  });
  if (signals === null) return why("its signals", "nothing was read yet");
  if (signals.threads.state === "unknown") return why("its threads", signals.threads.why);
  if (signals.checks.state === "unknown") return why("its checks", signals.checks.why);
  if (signals.checks.head_sha !== pr.head_sha)
    return why("its checks", `they are of ${signals.checks.head_sha.slice(0, 8)}, another head`);
  const strange = signals.checks.items.filter(({ state }) => state === "unknown");
  if (strange.length > 0) return why("its checks", `the state of ${names(strange)} is not known`);
  if (signals.approval.state === "unknown") return why("its approvals", signals.approval.why);
  if (pr.mergeable === "unknown") return why("whether it can be merged", "the forge does not say");
  return null;
}

function pendingChecks(input: JudgeInput, checks: readonly CheckRun[]): Waiting | null {
  const pending = checks.filter(({ state }) => state === "pending");
  if (pending.length > 0) return { code: "checks", message: `pending: ${names(pending)}` };
  if (checks.length > 0) return null;
  if (input.readAt - input.headAt < CHECKS_APPEAR)
    return { code: "checks", message: "its checks may not have appeared yet" };
  return input.requireChecks
    ? { code: "checks", message: "it has no checks, and review.require_checks is on" }
    : null;
}

function approval({ signals }: JudgeInput): Waiting | null {
  if (signals?.approval.state !== "known") return null;
  switch (signals.approval.decision) {
    case "review_required":
      return { code: "approval", message: "waits for an approval on the forge" };
    case "changes_requested":
      return { code: "approval", message: "a reviewer on the forge requested changes" };
    default:
      return null;
  }
}

/** `unstable` is fine here: every check that was read is, or another wait was found before. */
function blockedByRules({ pr }: JudgeInput): Waiting | null {
  return pr.mergeable === "blocked"
    ? { code: "unknown", message: "the rules of its target block it, and the forge does not say which" }
    : null;
}
