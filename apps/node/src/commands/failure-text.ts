import type { Session, SessionOutcome } from "@gastown/protocol";

/** Ends that a person wants explained; the others ended as they were meant to. */
const FAILED: ReadonlySet<SessionOutcome> = new Set(["failed", "refused", "lost"]);

/**
 * Why a session failed: what happened, where, what to do about it, and the agent's own last words
 * (spec/runner.md §7). Empty for one that did not.
 */
export function failureText({ outcome, reason }: Pick<Session, "outcome" | "reason">): string[] {
  if (outcome === null || reason === null || !FAILED.has(outcome)) return [];
  const { code, phase, message, action, stderrTail } = reason;
  const where = phase === undefined ? "" : `, phase ${phase.replace("_", " ")}`;
  const words = stderrTail?.trim() ?? "";
  return [
    `${message} (${code}${where})`,
    ...(action === undefined || action === "" ? [] : [`To do: ${action}`]),
    ...(words === "" ? [] : ["Its last words:", ...words.split("\n").map((line) => `  ${line}`)]),
  ];
}
