/** The one definition of *done* and *broken* (spec/town.md §2). */
import type { BeadRow } from "./bead-row.ts";

const DONE_REASONS: readonly (string | null)[] = [
  "merged",
  "pushed",
  "no_changes",
  "done_elsewhere",
  "moot",
  "waived",
  "landed",
  "answered",
];

type Judged = Pick<BeadRow, "type" | "status" | "reason" | "waived">;

/** Whether what waits for this bead may go on. */
export function isDone(bead: Judged): boolean {
  if (bead.waived === 1) return true;
  if (bead.status !== "closed") return false;
  if (bead.type === "escalation") return true;
  return DONE_REASONS.includes(bead.reason);
}

/** Whether it will not become done without a person: failed, or closed in any other way. */
export function isBroken(bead: Judged): boolean {
  return (bead.status === "failed" || bead.status === "closed") && !isDone(bead);
}
