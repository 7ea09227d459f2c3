/** A refinery that ends without a verdict. It is never taken for an approval (spec/review.md §2). */
import { attemptBackoff, type Ctx } from "../kernel/context.ts";
import { rigFailed } from "../rigs/rigs.ts";
import type { SessionEnd } from "../sessions/close.ts";
import { isRigWide, restAfter, UNCOUNTED } from "../sessions/refusals.ts";
import type { SessionRow } from "../sessions/session-row.ts";
import { escalate } from "../escalations/escalations.ts";
import { failMerge } from "./fail.ts";
import { mergeRow, type MergeRow } from "./merge-row.ts";
import { mergeTitle, moveMerge } from "./move-merge.ts";

const MAX_REVIEWS = 3;

/**
 * A refinery says that it is done when its session has ended and gave no verdict. What it meant, only a
 * person can say: nothing is approved by it.
 */
export function doneWithoutBead(ctx: Ctx, session: SessionRow, merge: MergeRow): void {
  if (merge.state === "merged" || merge.head_sha !== session.start_point) return;
  if (merge.reviewed_sha === merge.head_sha) return;
  escalate(ctx, {
    severity: "high",
    category: "refinery_unhooked_done",
    subject: merge.bead_id,
    title: `Did the review of ${mergeTitle(ctx, merge)} mean to approve it?`,
    body: `Its session had ended (${session.outcome ?? "ended"}) before it said that it was done, and it gave no verdict. It is not taken for an approval of ${merge.head_sha.slice(0, 8)}.`,
    choices: [
      { id: "approve", label: "Approve this head" },
      { id: "retry", label: "Review it again" },
      { id: "close", label: "Drop it" },
    ],
    source: { rigId: merge.rig_id, beadId: merge.source_id, sessionId: session.id },
  });
}

export function reviewEndedWithoutVerdict(ctx: Ctx, session: SessionRow, end: SessionEnd): void {
  const merge = session.bead_id ? mergeRow(ctx, session.bead_id) : undefined;
  if (!merge || merge.state !== "reviewing") return;
  const rigWide = end.outcome === "refused" && isRigWide(ctx, session, end.reason);
  const counted =
    !rigWide &&
    end.outcome !== "stopped" &&
    end.outcome !== "evicted" &&
    !(end.outcome === "refused" && UNCOUNTED.includes(end.reason.code));
  const failures = merge.review_failures + (counted ? 1 : 0);
  const rest = end.outcome === "refused" ? restAfter(ctx, end.reason) : 0;
  const wait = counted ? attemptBackoff(failures) : rest;
  ctx.sql.run(
    "update merge_requests set review_failures = ?, cooldown_until = ? where bead_id = ?",
    failures,
    ctx.now + wait,
    merge.bead_id,
  );
  if (rigWide) rigFailed(ctx, merge.rig_id, { message: end.reason.message, action: end.reason.action ?? "" });
  if (failures >= MAX_REVIEWS) {
    failMerge(ctx, merge, {
      kind: "no_verdict",
      message: `${failures} reviews ended without a verdict (the last one: ${end.reason.message || end.outcome}). Did one of them mean to approve? Only a person can say so.`,
    });
    return;
  }
  moveMerge(ctx, merge, {
    to: "queued",
    kind: "review.no_verdict",
    reason: end.reason.code,
    text: `The review of ${mergeTitle(ctx, merge)} ended without a verdict`,
    data: { outcome: end.outcome, failures },
  });
}
