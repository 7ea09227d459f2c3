/** A merge request has landed: what ends with it, and what goes on (spec/review.md §4.5). */
import { closeBead } from "../beads/attempts.ts";
import { settings } from "../config/store.ts";
import { branchMoved } from "../convoys/branches.ts";
import { mootEscalations } from "../escalations/escalations.ts";
import type { Ctx } from "../kernel/context.ts";
import { cancelPending } from "../outbox/outbox.ts";
import { deleteBranch } from "./delete-branch.ts";
import { dismissMerge, stopReview } from "./fail.ts";
import { laneIsGreen, laneOpens } from "./lanes.ts";
import { mootFix } from "./fix-beads.ts";
import { sourceIssue, type MergeRow } from "./merge-row.ts";
import { mergeTitle, moveMerge } from "./move-merge.ts";

export interface Landing {
  commit: string;
  kind: "merge.landed" | "pr.merged";
  /** What to add to the line that people read; empty where the town merged what was reviewed. */
  remark: string;
  data?: Record<string, unknown>;
}

export function landed(ctx: Ctx, merge: MergeRow, landing: Landing): void {
  ctx.sql.run(
    `update merge_requests set merge_commit = ?, question_id = null, pending_command = null, green_since = null
     where bead_id = ?`,
    landing.commit,
    merge.bead_id,
  );
  moveMerge(ctx, merge, {
    to: "merged",
    kind: landing.kind,
    reason: "merged",
    text: `${mergeTitle(ctx, merge)} landed on ${merge.target} as ${landing.commit.slice(0, 8)}${landing.remark}`,
    data: { commit: landing.commit, ...landing.data },
  });
  // By the lane it came through green gates; a forge says nothing of those, but the target moved.
  if (landing.kind === "merge.landed") laneIsGreen(ctx, merge);
  else laneOpens(ctx, merge);
  stopReview(ctx, merge, "it has landed");
  mootFix(ctx, merge);
  cancelPending(ctx, merge.bead_id);
  mootEscalations(ctx, merge.bead_id);
  closeSource(ctx, merge, landing.commit);
  // The branch of an adopted pull request is a person's.
  if (merge.adopted === 0 && settings(ctx, merge.rig_id).review.delete_branch)
    deleteBranch(ctx, {
      rigId: merge.rig_id,
      branch: merge.branch,
      expectedHead: merge.head_sha,
      failures: 0,
    });
}

function closeSource(ctx: Ctx, merge: MergeRow, commit: string): void {
  const source = sourceIssue(ctx, merge);
  if (!source) return;
  for (const sibling of liveSiblings(ctx, merge)) dismissMerge(ctx, sibling, "the work has landed already");
  if (source.status === "in_review") closeBead(ctx, source, "merged", `${source.title} is merged`);
  mootEscalations(ctx, source.id);
  if (merge.convoy_id) branchMoved(ctx, merge.convoy_id, merge.rig_id, commit);
}

function liveSiblings(ctx: Ctx, merge: MergeRow): MergeRow[] {
  return ctx.sql.all<MergeRow>(
    "select * from merge_requests where source_id = ? and bead_id <> ? and state not in ('merged', 'failed')",
    merge.source_id,
    merge.bead_id,
  );
}
