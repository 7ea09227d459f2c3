/**
 * `comments` mode: what a reviewer asks for is posted on the pull request with inline comments, and its
 * threads are the feedback bead's work order (spec/review.md §2). Where it cannot be posted, the verdict
 * itself is the work order: no request is lost for want of a forge.
 *
 *   verdict → `posting` → `posted`, threads read → feedback bead
 *                     → refused → rework bead
 */
import { settings } from "../config/store.ts";
import type { Ctx } from "../kernel/context.ts";
import { enqueue } from "../outbox/outbox.ts";
import { feedbackOrder } from "./feedback.ts";
import { makeFix, type WorkOrder } from "./fix-beads.ts";
import type { PostedComment } from "./forge-effects.ts";
import { mergeRow, verdictOf, type MergeRow, type Verdict } from "./merge-row.ts";
import { readAnew, readingOf } from "./pull-request.ts";

export function postsComments(ctx: Ctx, merge: MergeRow): boolean {
  return merge.strategy === "pr" && settings(ctx, merge.rig_id).review.mode === "comments";
}

/** Instead of a rework bead, for now: the review is posted first. */
export function postFirst(ctx: Ctx, merge: MergeRow): null {
  ctx.sql.run("update merge_requests set review_post = 'posting' where bead_id = ?", merge.bead_id);
  enqueue(ctx, {
    kind: "post_review",
    subject: `post:${merge.bead_id}`,
    key: `post:${merge.bead_id}:${merge.head_sha}:${merge.change_rounds}`,
    payload: { mergeId: merge.bead_id, headSha: merge.head_sha },
  });
  return null;
}

/** Body and inline comments of the verdict that is stored. */
export function reviewText(merge: MergeRow): { body: string; comments: PostedComment[] } | null {
  const verdict = verdictOf(merge);
  if (verdict?.kind !== "request_changes" || verdict.headSha !== merge.head_sha) return null;
  const comments = (verdict.files ?? []).flatMap(({ path, line, note }) =>
    note === undefined || note === "" ? [] : [{ path, line: line ?? null, body: note }],
  );
  return { body: verdict.summary, comments };
}

/** `problem`: it could not be posted. */
export function reviewPosted(ctx: Ctx, mergeId: string, headSha: string, problem: string | null): void {
  const merge = mergeRow(ctx, mergeId);
  if (merge?.state !== "changes_requested" || merge.review_post !== "posting") return;
  if (merge.head_sha !== headSha) return;
  if (problem !== null) return workFromVerdict(ctx, merge);
  ctx.sql.run("update merge_requests set review_post = 'posted' where bead_id = ?", mergeId);
  readAnew(ctx, merge);
}

/** A reading after the review was posted: its threads become the work order. */
export function threadsAwaited(ctx: Ctx, before: MergeRow): void {
  const merge = mergeRow(ctx, before.bead_id);
  if (merge?.state !== "changes_requested" || merge.review_post !== "posted") return;
  const reading = readingOf(merge);
  // One that was asked for before the review was there cannot show its threads.
  if (!reading || reading.asked.no < merge.read_after) return;
  const threads = reading.signals?.threads;
  if (threads?.state !== "known") return;
  const verdict = verdictOf(merge);
  if (threads.unresolved.length === 0 || verdict === null) return workFromVerdict(ctx, merge);
  const order = feedbackOrder({ threads: threads.unresolved, red: [], requests: [] }, []);
  begin(ctx, merge, { ...order, cause: "verdict", text: `${verdict.summary}\n\n${order.text}` });
}

function workFromVerdict(ctx: Ctx, merge: MergeRow): void {
  const verdict = verdictOf(merge);
  if (verdict) begin(ctx, merge, reworkOrder(verdict));
}

function begin(ctx: Ctx, merge: MergeRow, order: WorkOrder): void {
  ctx.sql.run("update merge_requests set review_post = null where bead_id = ?", merge.bead_id);
  makeFix(ctx, merge, order);
}

export function reworkOrder(verdict: Pick<Verdict, "summary" | "files">): WorkOrder {
  return { kind: "rework", cause: "verdict", text: verdict.summary, files: verdict.files ?? [] };
}
