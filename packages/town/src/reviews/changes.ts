/** Changes are requested on a merge request, by a refinery or a person (spec/review.md §2). */
import type { Ctx } from "../kernel/context.ts";
import { makeFix, sendBack } from "./fix-beads.ts";
import type { MergeRow, Verdict } from "./merge-row.ts";
import { mergeTitle } from "./move-merge.ts";
import { postFirst, postsComments, reworkOrder } from "./post-review.ts";
import { storeVerdict } from "./verdict-row.ts";

export interface RequestedChanges {
  feedback: string;
  files: readonly { path: string; line?: number | undefined; note?: string | undefined }[];
  /** Null: a person. */
  sessionId: string | null;
}

/** Stores the verdict for this head and sends it back; the id of the rework bead where one was made. */
export function requestChanges(ctx: Ctx, merge: MergeRow, asked: RequestedChanges): string | null {
  const recorded = {
    kind: "request_changes",
    summary: asked.feedback,
    headSha: merge.head_sha,
    at: ctx.now,
    sessionId: asked.sessionId,
    files: [...asked.files],
  } satisfies Verdict;
  storeVerdict(ctx, merge, recorded);
  const reworkBeadId = sendBack(
    ctx,
    merge,
    reworkOrder(recorded),
    { kind: "review.changes_requested", text: `Changes requested on ${mergeTitle(ctx, merge)}` },
    postsComments(ctx, merge) && merge.pr_url !== null ? postFirst : makeFix,
  );
  storeVerdict(ctx, merge, { ...recorded, reworkBeadId });
  ctx.sql.run("update merge_requests set review_failures = 0 where bead_id = ?", merge.bead_id);
  return reworkBeadId;
}
