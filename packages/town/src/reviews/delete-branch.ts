/** A branch whose work is merged goes from the remote, only while it stands where it did (spec/review.md §4.5). */
import type { EffectOutcome } from "@gastown/protocol";
import { retryBackoff, type Ctx } from "../kernel/context.ts";
import { enqueue } from "../outbox/outbox.ts";

/** So often it is tried again where the remote cannot be reached: for about an hour. */
export const DELETION_TRIES = 20;

export interface Deletion {
  rigId: string;
  branch: string;
  /** The head that was merged. */
  expectedHead: string;
  /** Tries that failed so far. */
  failures: number;
}

/** Of the effect that deletes a branch. */
export const deletionSubject = (rigId: string, branch: string): string => `branch:${rigId}:${branch}`;

/** `restMs`: that there is no hurry. */
export function deleteBranch(ctx: Ctx, deletion: Deletion, restMs = 0): void {
  const { rigId, branch, failures } = deletion;
  const wait = failures === 0 ? restMs : retryBackoff(failures);
  enqueue(ctx, {
    kind: "branch",
    subject: deletionSubject(rigId, branch),
    key: `branch:delete:${rigId}:${branch}`,
    payload: { operation: "delete", ...deletion },
    dueAt: ctx.now + wait,
  });
}

/** What may pass is tried again; a branch that moved, or a remote that says no, keeps it. */
export function deletionEnded(ctx: Ctx, deletion: Deletion, outcome: EffectOutcome): void {
  const failures = deletion.failures + 1;
  if (outcome.outcome === "error" && failures < DELETION_TRIES) deleteBranch(ctx, { ...deletion, failures });
}
