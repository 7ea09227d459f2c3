/**
 * `behind`: the town merges the target into the branch, one pull request per target at a time. The same
 * effect says whether a head that somebody else made is only such a merge (spec/review.md §4.4).
 */
import type { Ctx } from "../kernel/context.ts";
import { enqueue } from "../outbox/outbox.ts";
import type { MergeRow } from "./merge-row.ts";

/** Merges the target into the branch, unless that is done or its branch has moved. */
export function updateBranch(ctx: Ctx, merge: MergeRow): void {
  enqueue(ctx, {
    kind: "update_branch",
    subject: `update:${merge.rig_id}:${merge.target}`,
    key: `update:${merge.bead_id}:${merge.head_sha}`,
    payload: { mergeId: merge.bead_id, headSha: merge.head_sha },
  });
}

/** Asks whether `head` is the reviewed head with the target merged in and nothing else. */
export function checkUpdate(ctx: Ctx, merge: MergeRow, head: string): void {
  enqueue(ctx, {
    kind: "update_branch",
    subject: `check:${merge.bead_id}`,
    key: `check:${merge.bead_id}:${head}`,
    payload: { mergeId: merge.bead_id, headSha: merge.head_sha, seenHead: head },
  });
}
