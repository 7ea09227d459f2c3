/** What became of the target merged into a branch (`update-branch.ts`). */
import type { EffectOutcome } from "@gastown/protocol";
import { branchMoved } from "../convoys/branches.ts";
import type { Ctx } from "../kernel/context.ts";
import { schedule } from "../kernel/schedule.ts";
import { conflicted } from "./conflict.ts";
import { failMerge } from "./fail.ts";
import { verdictKept } from "./head-moved.ts";
import { headMovedTo } from "./landing.ts";
import { mergeRow, type MergeRow } from "./merge-row.ts";
import { readAnew, setHead } from "./pull-request.ts";
import { wantsTarget } from "./update-branch.ts";

/** An answer to another head than today's, or in another state, is late. */
export function branchUpdated(
  ctx: Ctx,
  asked: { mergeId: string; headSha: string; seenHead?: string | undefined },
  outcome: EffectOutcome,
): void {
  const merge = mergeRow(ctx, asked.mergeId);
  if (!merge || merge.head_sha !== asked.headSha) return;
  if (merge.state === "queued") return beforeReview(ctx, merge, outcome);
  if (merge.state !== "approved") return;
  switch (outcome.outcome) {
    case "branch_updated":
      // It contained the target already: the forge's `behind` is late.
      return outcome.head === merge.head_sha ? readAnew(ctx, merge) : verdictKept(ctx, merge, outcome.head);
    case "head_moved":
      return headMovedTo(ctx, merge, outcome.head);
    case "conflict":
      return conflicted(ctx, merge, outcome.files);
    case "rejected":
    case "auth":
      return failMerge(ctx, merge, {
        kind: outcome.outcome,
        message: `${merge.target} could not be merged into ${merge.branch}: ${outcome.reason}`,
      });
    case "missing_ref":
      return failMerge(ctx, merge, {
        kind: "missing_ref",
        message: `${outcome.ref} no longer exists on the remote.`,
      });
    default:
      // Tried again with the next reading that still says so.
      return undefined;
  }
}

/**
 * The feature branch before its landing is reviewed. Whatever kept its target out of it is found again by
 * the gates, the forge or the merge: here it only goes on with the head that there is.
 */
function beforeReview(ctx: Ctx, merge: MergeRow, outcome: EffectOutcome): void {
  if (!wantsTarget(merge)) return;
  const moved =
    outcome.outcome === "branch_updated" || outcome.outcome === "head_moved" ? outcome.head : null;
  const head = moved ?? merge.head_sha;
  setHead(ctx, merge, head);
  ctx.sql.run("update merge_requests set updated_head = ? where bead_id = ?", head, merge.bead_id);
  // What is landed next begins at the feature branch's own head.
  branchMoved(ctx, merge.source_id, merge.rig_id, head);
  schedule(ctx, "merge", merge.bead_id);
}
