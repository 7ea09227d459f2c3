/** A merge request: gates before the review, the review's slot, its turn to land (spec/review.md §2). */
import { beadRow } from "../beads/bead-row.ts";
import { isBroken, isDone } from "../beads/done.ts";
import type { Waiting } from "../beads/waiting.ts";
import { settings } from "../config/store.ts";
import { laneId } from "../dependents.ts";
import type { Ctx } from "../kernel/context.ts";
import { schedule } from "../kernel/schedule.ts";
import { enqueue } from "../outbox/outbox.ts";
import { blockedWait } from "../reviews/blockers-left.ts";
import { stopReview } from "../reviews/fail.ts";
import { ask, forgetFix, sendBack } from "../reviews/fix-beads.ts";
import { gatesWorkOrder } from "../reviews/landing.ts";
import { laneWaits } from "../reviews/lanes.ts";
import { wantPullRequest } from "../reviews/open-pr.ts";
import { pollWhenDue } from "../reviews/poll.ts";
import { postsComments } from "../reviews/post-review.ts";
import { gatesOf, mergeRow, redGates, verdictOf, type MergeRow } from "../reviews/merge-row.ts";
import { mergeTitle, mergeWaits, moveMerge } from "../reviews/move-merge.ts";
import { updateBranch, wantsTarget } from "../reviews/update-branch.ts";
import { storeVerdict } from "../reviews/verdict-row.ts";
import { liveSessionOfBead } from "../sessions/session-row.ts";
import { approvedPullRequest, feedbackJoins } from "./pull-requests.ts";

export function mergeController(ctx: Ctx, id: string): number | null {
  const merge = mergeRow(ctx, id);
  if (!merge) return null;
  const times = [step(ctx, merge), pollWhenDue(ctx, id)].filter((at) => at !== null);
  return times.length === 0 ? null : Math.min(...times);
}

function step(ctx: Ctx, merge: MergeRow): number | null {
  switch (merge.state) {
    case "queued":
      return queued(ctx, merge);
    case "reviewing":
      return reviewing(ctx, merge);
    case "changes_requested":
      return changesRequested(ctx, merge);
    case "approved":
      if (merge.strategy === "pr") {
        // Its branch may have moved while it was being opened, and come here by a person's word.
        wantPullRequest(ctx, merge);
        return approvedPullRequest(ctx, merge);
      }
      mergeWaits(ctx, merge, blockedWait(ctx, merge) ?? laneWait(ctx, merge));
      schedule(ctx, "lane", laneId(merge.rig_id, merge.target));
      return null;
    default:
      return null;
  }
}

function laneWait(ctx: Ctx, merge: MergeRow): Waiting {
  if (merge.merge_held !== null) return { code: "held", message: `kept from landing by ${merge.merge_held}` };
  return (
    laneWaits(ctx, merge) ?? {
      code: "landing_queue",
      message: `waits for its turn to go into ${merge.target}`,
    }
  );
}

function queued(ctx: Ctx, merge: MergeRow): number | null {
  const { review } = settings(ctx, merge.rig_id);
  if (wantsTarget(merge)) return bringUpToDate(ctx, merge);
  if (review.gates.length > 0 && merge.gates_head !== merge.head_sha) return runGates(ctx, merge);
  if (review.gates.length > 0 && merge.gates_green === 0) return redBeforeReview(ctx, merge);
  wantPullRequest(ctx, merge);
  if (!review.code_review) return implied(ctx, merge);
  if (approvedBefore(merge)) return toApproved(ctx, merge, "was approved at this head before");
  if (postsComments(ctx, merge) && merge.pr_url === null) {
    mergeWaits(ctx, merge, { code: "unknown", message: "its pull request is being opened" });
    return null;
  }
  ctx.sql.run("update merge_requests set review_wanted = 1 where bead_id = ?", merge.bead_id);
  mergeWaits(ctx, merge, { code: "review_slot", message: "waits for a reviewer" });
  schedule(ctx, "dispatch", merge.rig_id);
  return merge.cooldown_until > ctx.now ? merge.cooldown_until : null;
}

/** What is reviewed as a whole is the feature branch with its target in it, as far as that has no conflict. */
function bringUpToDate(ctx: Ctx, merge: MergeRow): null {
  mergeWaits(ctx, merge, {
    code: "landing_queue",
    message: `${merge.branch} is brought up to date with ${merge.target}`,
  });
  updateBranch(ctx, merge);
  return null;
}

function runGates(ctx: Ctx, merge: MergeRow): number | null {
  mergeWaits(ctx, merge, { code: "gates", message: "its gates run" });
  if (merge.cooldown_until > ctx.now) return merge.cooldown_until;
  enqueue(ctx, {
    kind: "run_gates",
    subject: merge.bead_id,
    key: `gates:${merge.bead_id}:${merge.head_sha}`,
    payload: { mergeId: merge.bead_id, headSha: merge.head_sha },
  });
  return null;
}

/** Red gates go straight back as rework, without spending a review. */
function redBeforeReview(ctx: Ctx, merge: MergeRow): null {
  const gates = gatesOf(merge);
  const red = redGates(gates).map((gate) => gate.name);
  sendBack(ctx, merge, gatesWorkOrder(merge, gates, `at ${merge.head_sha.slice(0, 8)}`), {
    kind: "review.gates_finished",
    text: `${mergeTitle(ctx, merge)}: ${red.join(", ")} failed`,
  });
  return null;
}

/** Without code review, green gates are the approval. */
function implied(ctx: Ctx, merge: MergeRow): null {
  storeVerdict(ctx, merge, {
    kind: "approve",
    summary: "Code review is off for this rig; the gates are green.",
    headSha: merge.head_sha,
    at: ctx.now,
    sessionId: null,
  });
  return toApproved(ctx, merge, "needs no review");
}

function approvedBefore(merge: MergeRow): boolean {
  const verdict = verdictOf(merge);
  return (
    verdict?.kind === "approve" && verdict.headSha === merge.head_sha && merge.reviewed_sha === merge.head_sha
  );
}

function toApproved(ctx: Ctx, merge: MergeRow, why: string): null {
  ctx.sql.run("update merge_requests set reviewed_sha = head_sha where bead_id = ?", merge.bead_id);
  moveMerge(ctx, merge, {
    to: "approved",
    kind: "review.completed",
    text: `${mergeTitle(ctx, merge)} ${why}`,
  });
  return null;
}

function reviewing(ctx: Ctx, merge: MergeRow): null {
  const session = liveSessionOfBead(ctx, merge.bead_id);
  mergeWaits(ctx, merge, {
    code: "verdict",
    message: "is being reviewed",
    ...(session ? { ids: [session.id] } : {}),
  });
  if (session && session.start_point !== merge.head_sha) stopReview(ctx, merge, "the branch has moved");
  return null;
}

function changesRequested(ctx: Ctx, merge: MergeRow): null {
  if (merge.question_id !== null) return null;
  if (merge.fix_bead_id === null) {
    mergeWaits(ctx, merge, { code: "rework", message: "its review is being posted" });
    return null;
  }
  const fix = beadRow(ctx, merge.fix_bead_id);
  if (isBroken(fix)) {
    forgetFix(ctx, merge, fix.id);
    ask(ctx, merge, "fix_failed", `${fix.title} did not succeed (${fix.reason ?? fix.status}).`);
  } else if (isDone(fix)) {
    // Closed by a person: nothing was pushed for it, so what it was made for may still be there.
    forgetFix(ctx, merge, fix.id);
    ask(
      ctx,
      merge,
      "fix_without_change",
      `${fix.title} was closed (${fix.reason ?? "waived"}) without a change.`,
    );
  } else {
    feedbackJoins(ctx, merge, fix);
    mergeWaits(ctx, merge, {
      code: fix.kind === "conflict" ? "conflict" : "rework",
      message: `waits for ${fix.title}`,
      ids: [fix.id],
    });
  }
  return null;
}
