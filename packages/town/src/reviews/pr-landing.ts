/**
 * Merging a pull request, pinned to the reviewed head (spec/review.md §4.4). Only this effect's result
 * moves a merge request out of `landing`.
 */
import type { Ctx } from "../kernel/context.ts";
import { escalate } from "../escalations/escalations.ts";
import { enqueue } from "../outbox/outbox.ts";
import { applyPendingCommand } from "./commands.ts";
import { failMerge } from "./fail.ts";
import type { ForgeAnswer } from "./forge-effects.ts";
import { backToLane, headMovedTo, landingError } from "./landing.ts";
import { mergeRow, type MergeRow } from "./merge-row.ts";
import { mergeTitle, moveMerge } from "./move-merge.ts";
import { forgeMessage } from "./poll-messages.ts";
import { pullRequestClosed, recordMerge } from "./pr-end.ts";
import { providerOf, readAnew } from "./pull-request.ts";

type Result = Extract<ForgeAnswer, { of: "merge" }>["result"];

export function landPullRequest(ctx: Ctx, merge: MergeRow): void {
  moveMerge(ctx, merge, {
    to: "landing",
    kind: "merge.started",
    text: `${mergeTitle(ctx, merge)}: its pull request is merged into ${merge.target}`,
  });
  enqueue(ctx, {
    kind: "merge_pull_request",
    subject: merge.bead_id,
    key: `merge:${merge.bead_id}`,
    payload: { mergeId: merge.bead_id, headSha: merge.head_sha },
  });
}

export function pullRequestMergeFinished(ctx: Ctx, mergeId: string, result: Result): void {
  const merge = mergeRow(ctx, mergeId);
  if (!merge || merge.state !== "landing") return;
  // A repeat after a lost answer finds the town's own merge; another head was not merged by the town.
  if (result.kind === "landed")
    return recordMerge(ctx, merge, result.pr, result.commit, result.pr.head_sha !== merge.reviewed_sha);
  if (merge.pending_command !== null && applyPendingCommand(ctx, merge)) return;
  switch (result.kind) {
    case "head_moved":
      return headShownByMerge(ctx, merge, result.head);
    case "withdrawn":
      return withdrawn(ctx, merge);
    case "closed":
      return pullRequestClosed(ctx, merge);
    case "not_mergeable":
      return notMergeable(ctx, merge, result.message);
    case "method_not_allowed":
      return methodNotAllowed(ctx, merge, result.allowed);
    case "queue_required":
      return queueRequired(ctx, merge);
    case "unsupported":
      return failMerge(ctx, merge, {
        kind: "rejected",
        message: `Its host cannot merge it: ${result.what}.`,
      });
    default:
      return failMerge(ctx, merge, {
        kind: "pr_merge_failed",
        message: `Its pull request could not be merged. ${forgeMessage(result, providerOf(ctx, merge))}`,
      });
  }
}

function withdrawn(ctx: Ctx, merge: MergeRow): void {
  backToLane(ctx, merge, 0, "merge.withdrawn", "it was asked to wait");
  readAnew(ctx, merge);
}

/**
 * Not known which head, or the one that is known: the next poll shows it. Where that shows nothing new the
 * forge contradicts itself, so each such answer counts and pauses like a refusal.
 */
function headShownByMerge(ctx: Ctx, merge: MergeRow, head: string | null): void {
  if (head !== null && head !== merge.head_sha) return headMovedTo(ctx, merge, head);
  notMergeable(ctx, merge, "the forge says that its branch has moved, and not where to");
}

/** The forge said green and refuses: read again, five times with pauses, then a person. */
function notMergeable(ctx: Ctx, merge: MergeRow, message: string): void {
  landingError(ctx, merge, message);
  const current = mergeRow(ctx, merge.bead_id);
  if (current?.state === "approved") readAnew(ctx, current);
}

function methodNotAllowed(ctx: Ctx, merge: MergeRow, allowed: readonly MergeRow["method"][]): void {
  const [method] = allowed;
  if (merge.method === "auto" && method !== undefined) {
    ctx.sql.run("update merge_requests set method = ? where bead_id = ?", method, merge.bead_id);
    backToLane(ctx, merge, 0, "merge.rejected", `the repository wants it merged by ${method}`);
    return readAnew(ctx, merge);
  }
  failMerge(ctx, merge, {
    kind: "method_not_allowed",
    message: `The repository does not allow the method ${merge.method}; it allows ${allowed.join(", ") || "none that it names"}. Set review.merge_method, then retry.`,
  });
}

/** Merging is the repository's own queue's: the town waits for it, and says so once. */
function queueRequired(ctx: Ctx, merge: MergeRow): void {
  ctx.sql.run("update merge_requests set merge_held = 'merge_queue' where bead_id = ?", merge.bead_id);
  backToLane(ctx, merge, 0, "merge.rejected", "the repository requires its own merge queue");
  readAnew(ctx, merge);
  escalate(ctx, {
    severity: "medium",
    category: "merge_queue_required",
    subject: merge.bead_id,
    title: `${mergeTitle(ctx, merge)} has to go through the repository's merge queue`,
    body: `${merge.pr_url ?? "Its pull request"} is green. Put it into the merge queue there: the town sees when it is merged.`,
    source: { rigId: merge.rig_id, beadId: merge.source_id, convoyId: merge.convoy_id ?? undefined },
  });
}
