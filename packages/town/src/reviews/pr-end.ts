/**
 * A pull request that the forge shows as merged or closed (spec/review.md §4.5). It ends any state but
 * `landing`, whose own merge finds it.
 */
import type { PullRequest } from "@gastown/protocol";
import { audit } from "../audit/audit.ts";
import type { Ctx } from "../kernel/context.ts";
import { failMerge } from "./fail.ts";
import { landed } from "./landed.ts";
import type { MergeRow } from "./merge-row.ts";
import { mergeTitle, mergeWaits } from "./move-merge.ts";

/** Merged by somebody: recorded where the commit is proved to be in the target, read again where not. */
export function pullRequestMerged(
  ctx: Ctx,
  merge: MergeRow,
  pr: PullRequest,
  contained: boolean | null,
): void {
  if (pr.base !== merge.target) {
    return failMerge(ctx, merge, {
      kind: "pr_closed",
      message: `Its pull request was merged into ${pr.base}, not into ${merge.target}. Decide whether that was meant.`,
    });
  }
  if (pr.merge_commit === null || contained !== true) {
    mergeWaits(ctx, merge, {
      code: "unknown",
      message: `the forge says that it is merged, but its commit is not seen in ${merge.target} yet`,
    });
    return;
  }
  recordMerge(ctx, merge, pr, pr.merge_commit, true);
}

/** `outside`: not by the town. Another head than the reviewed one is said so, and never undone. */
export function recordMerge(
  ctx: Ctx,
  merge: MergeRow,
  pr: PullRequest,
  commit: string,
  outside: boolean,
): void {
  ctx.sql.run(
    "update merge_requests set merged_by = ?, merged_head = ?, merged_outside = ?, pr_state = 'merged' where bead_id = ?",
    pr.merged_by,
    pr.head_sha,
    outside ? 1 : 0,
    merge.bead_id,
  );
  landed(ctx, merge, {
    commit,
    kind: "pr.merged",
    remark: outside ? outsideRemark(merge, pr) : "",
    data: {
      url: pr.url,
      number: pr.number,
      state: pr.state,
      mergeCommit: commit,
      mergedBy: pr.merged_by,
      mergedHead: pr.head_sha,
      reviewedHead: merge.reviewed_sha,
    },
  });
}

function outsideRemark(merge: MergeRow, pr: PullRequest): string {
  const who = `, merged by ${pr.merged_by ?? "somebody"}`;
  if (merge.reviewed_sha === pr.head_sha) return who;
  const reviewed =
    merge.reviewed_sha === null ? "nothing was reviewed" : `${merge.reviewed_sha.slice(0, 8)} was reviewed`;
  return `${who} at ${pr.head_sha.slice(0, 8)}, but ${reviewed}`;
}

/** Closed unmerged: somebody decided that, so a person is asked and nothing is done again. */
export function pullRequestClosed(ctx: Ctx, merge: MergeRow): void {
  audit(ctx, {
    kind: "pr.closed",
    subject: { type: "bead", id: merge.bead_id },
    beadId: merge.source_id,
    convoyId: merge.convoy_id,
    rigId: merge.rig_id,
    text: `The pull request of ${mergeTitle(ctx, merge)} was closed without a merge`,
    data: { url: merge.pr_url, number: merge.pr_number },
  });
  failMerge(ctx, merge, {
    kind: "pr_closed",
    message:
      "Somebody closed its pull request without merging it. Open it again there and retry, or cancel the work.",
  });
}
