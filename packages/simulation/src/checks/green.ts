/** The forge's own idea of green, which knows nothing of the town's (spec/review.md §4.4). */
import type { PullRequestReading } from "@gastown/protocol";

/** Null: it is. */
export function notGreen({ outcome, signals }: PullRequestReading, head: string): string | null {
  if (outcome.kind !== "ok" || signals === null) return "it could not be read or was not open";
  const { pr } = outcome;
  if (pr.state !== "open" || pr.draft) return "it was not open, or a draft";
  if (pr.head_sha !== head) return "another head was read";
  if (!["clean", "has_hooks", "unstable"].includes(pr.mergeable)) return `it was ${pr.mergeable}`;
  if (signals.threads.state !== "known" || signals.threads.unresolved.length > 0) return "it had threads";
  if (signals.checks.state !== "known" || signals.checks.head_sha !== head)
    return "its checks were not known";
  if (signals.checks.items.some(({ state }) => state !== "success")) return "a check was not green";
  const { approval } = signals;
  const given = approval.state === "known" && ["approved", "none"].includes(approval.decision);
  return given ? null : "no approval was given";
}
