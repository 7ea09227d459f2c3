/**
 * A credential changed: what failed for want of one is tried again by itself (spec/review.md §4.1).
 * Only where nothing else was done with the work meanwhile.
 */
import { retryMerge } from "../beads/commands.ts";
import type { Ctx } from "../kernel/context.ts";
import { liveMergeOf, sourceIssue, type MergeRow } from "../reviews/merge-row.ts";

/** Failures that another credential may mend. */
const KINDS = ["pr_poll_failed", "pr_creation_failed", "pr_merge_failed"];

/** `rigId` null: the town's, which any rig may use. Returns how many go on. */
export function credentialsChanged(ctx: Ctx, rigId: string | null): number {
  const failed = ctx.sql
    .all<MergeRow>(
      "select * from merge_requests where failure_kind in (select value from json_each(?1)) and (?2 is null or rig_id = ?2)",
      JSON.stringify(KINDS),
      rigId,
    )
    .filter((merge) => merge.state === "failed" && waitsForIt(ctx, merge));
  for (const merge of failed) retryMerge(ctx, merge.bead_id);
  return failed.length;
}

function waitsForIt(ctx: Ctx, merge: MergeRow): boolean {
  if (liveMergeOf(ctx, merge.source_id)) return false;
  const source = sourceIssue(ctx, merge);
  return source === undefined
    ? merge.adopted === 1
    : source.status === "open" && source.held === merge.failure_kind;
}
