/**
 * The branch has another head than the town knows (spec/review.md §2, §4.4). A head that is only the
 * target merged into the reviewed one keeps the verdict, which the runner proves; any other one is
 * reviewed anew.
 */
import { beadRow } from "../beads/bead-row.ts";
import { isBroken, isDone } from "../beads/done.ts";
import { mootEscalations } from "../escalations/escalations.ts";
import type { Ctx } from "../kernel/context.ts";
import { schedule } from "../kernel/schedule.ts";
import { liveSessionOfBead } from "../sessions/session-row.ts";
import { stopReview } from "./fail.ts";
import { mootFix } from "./fix-beads.ts";
import { verdictOf, type MergeRow } from "./merge-row.ts";
import { mergeTitle, moveMerge } from "./move-merge.ts";
import { setHead } from "./pull-request.ts";
import { checkUpdate } from "./update-branch.ts";
import { storeVerdict } from "./verdict-row.ts";

/** A poll shows another head. While a fix session works, its own settle tells of it. */
export function headShown(ctx: Ctx, merge: MergeRow, head: string): void {
  if (fixIsWorking(ctx, merge)) return;
  const judged = merge.reviewed_sha === merge.head_sha && merge.state === "approved";
  if (judged) checkUpdate(ctx, merge, head);
  else headMoved(ctx, merge, head);
}

function fixIsWorking(ctx: Ctx, merge: MergeRow): boolean {
  if (merge.fix_bead_id === null) return false;
  const fix = beadRow(ctx, merge.fix_bead_id);
  if (isDone(fix) || isBroken(fix)) return false;
  return fix.status === "in_progress" || liveSessionOfBead(ctx, fix.id) !== undefined;
}

/** Reviewed anew at this head; what was asked for or questioned at the old one is over. */
export function headMoved(ctx: Ctx, merge: MergeRow, head: string): void {
  setHead(ctx, merge, head);
  ctx.sql.run(
    "update merge_requests set question_id = null, review_post = null, cooldown_until = 0 where bead_id = ?",
    merge.bead_id,
  );
  if (merge.state === "queued") {
    schedule(ctx, "merge", merge.bead_id);
    return;
  }
  moveMerge(ctx, merge, {
    to: "queued",
    kind: "pr.head_moved",
    text: `${mergeTitle(ctx, merge)} has new commits (${head.slice(0, 8)}) and is looked at again`,
    data: { headSha: head },
  });
  stopReview(ctx, merge, "the branch has moved");
  mootFix(ctx, merge);
  mootEscalations(ctx, merge.bead_id);
}

/** The target was merged into it and nothing else: the verdict holds for the new head, gates run on it. */
export function verdictKept(ctx: Ctx, merge: MergeRow, head: string): void {
  const verdict = verdictOf(merge);
  setHead(ctx, merge, head);
  ctx.sql.run(
    `update merge_requests set reviewed_sha = ?1, updated_head = ?1,
       merge_now_sha = case when merge_now_sha = ?2 then ?1 else merge_now_sha end where bead_id = ?3`,
    head,
    merge.head_sha,
    merge.bead_id,
  );
  if (verdict) storeVerdict(ctx, merge, { ...verdict, headSha: head });
  moveMerge(ctx, merge, {
    to: "queued",
    kind: "pr.head_moved",
    reason: "updated",
    text: `${mergeTitle(ctx, merge)} is brought up to date with ${merge.target} (${head.slice(0, 8)}); its verdict holds`,
    data: { headSha: head },
  });
}
