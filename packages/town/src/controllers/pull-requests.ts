/**
 * An approved pull request (spec/review.md §4.3, §4.4): repaired where it can be, merged when it has been
 * green for its grace period, and not a moment before everything was read again.
 */
import { audit } from "../audit/audit.ts";
import type { BeadRow } from "../beads/bead-row.ts";
import { readWaiting, type Waiting } from "../beads/waiting.ts";

import { settings } from "../config/store.ts";
import { iso } from "../kernel/iso.ts";
import { MINUTE, SECOND, type Ctx } from "../kernel/context.ts";
import { schedule } from "../kernel/schedule.ts";
import { blockedWait } from "../reviews/blockers-left.ts";
import { askAbout, passingThreads, undecidedThreads } from "../reviews/classify-threads.ts";
import { conflictOrder } from "../reviews/conflict.ts";
import { besidesConflict, feedbackOrder, feedbackText, isSilent, joinConflict } from "../reviews/feedback.ts";
import { sendBack } from "../reviews/fix-beads.ts";
import { judge, type Judgement } from "../reviews/judge.ts";
import type { MergeRow } from "../reviews/merge-row.ts";
import { mergeTitle, mergeWaits } from "../reviews/move-merge.ts";
import { laneWaits } from "../reviews/lanes.ts";
import { landPullRequest } from "../reviews/pr-landing.ts";
import { intoFeatureBranch, readAnew, readingOf, type Reading } from "../reviews/pull-request.ts";
import { updateAhead, updateBranch } from "../reviews/update-branch.ts";
import { townRow } from "../town-row.ts";

/** One look at it; returns when to look again, where no event says so. */
export function approvedPullRequest(ctx: Ctx, merge: MergeRow): number | null {
  const reading = decisive(merge);
  // A poll that failed says that it is not green; one that is on its way says nothing yet.
  if (reading === null && merge.poll_error_kind === null) return waitsAt(ctx, merge, unread(merge));
  if (reading === null) return waitsFor(ctx, merge, unread(merge));
  const judged = judgeReading(ctx, merge, reading);
  const undecided = undecidedThreads(ctx, merge, reading);
  if (undecided.length > 0 && !judged.conflict) return waitsFor(ctx, merge, askAbout(ctx, merge, undecided));
  if (repair(ctx, merge, judged, reading)) return null;
  settled(ctx, merge, judged);
  const wait = judged.waits ?? ownWaits(ctx, merge) ?? (judged.behind ? bringUpToDate(ctx, merge) : null);
  return wait === null ? green(ctx, merge, reading) : waitsFor(ctx, merge, wait);
}

function judgeReading(ctx: Ctx, merge: MergeRow, reading: Reading): Judgement {
  return judge({
    pr: reading.pr,
    signals: reading.signals,
    target: merge.target,
    headAt: merge.head_at,
    readAt: merge.pr_read_at,
    requireChecks: settings(ctx, merge.rig_id).review.require_checks,
    passing: passingThreads(ctx, merge, reading),
  });
}

/** The first thing that keeps it from being merged by hand; null: nothing but the grace period. */
export function blockingWait(ctx: Ctx, merge: MergeRow, reading: Reading): Waiting | null {
  return judgeReading(ctx, merge, reading).waits ?? ownWaits(ctx, merge);
}

/** What a fix that changed nothing was made for is gone: the next of its kind is work again. */
function settled(ctx: Ctx, merge: MergeRow, judged: Judgement): void {
  if (!judged.conflict && merge.conflict_rounds > 0 && judged.waits?.code !== "unknown")
    ctx.sql.run("update merge_requests set conflict_rounds = 0 where bead_id = ?", merge.bead_id);
  const still =
    (merge.recheck === "feedback" && !isSilent(judged)) || (merge.recheck === "conflict" && judged.conflict);
  if (merge.recheck === null || still || judged.waits?.code === "unknown") return;
  ctx.sql.run("update merge_requests set recheck = null where bead_id = ?", merge.bead_id);
}

/** A reading of exactly this head, not older than what it is to decide. */
export function decisive(merge: MergeRow): Reading | null {
  const reading = readingOf(merge);
  if (!reading || merge.poll_error_kind !== null || reading.asked.no < merge.read_after) return null;
  if (reading.pr.head_sha !== merge.head_sha || merge.reviewed_sha !== merge.head_sha) return null;
  return reading;
}

function unread(merge: MergeRow): Waiting {
  if (merge.pr_url === null) return { code: "unknown", message: "its pull request is being opened" };
  if (merge.poll_error_kind !== null) {
    return {
      code: "poll_backoff",
      message: `its pull request could not be read (${merge.poll_error_kind.replaceAll("_", " ")})`,
      until: merge.next_poll_at,
    };
  }
  return { code: "unknown", message: "its pull request is being read" };
}

/** Makes the one fix bead that its conflict, threads or red checks need. True: it has moved. */
function repair(ctx: Ctx, merge: MergeRow, judged: Judgement, reading: Reading): boolean {
  const { review } = settings(ctx, merge.rig_id);
  const feedback = review.auto_resolve_feedback ? feedbackText(judged, reading.logs) : "";
  if (judged.conflict && review.auto_resolve_conflicts) {
    cancelGrace(ctx, merge, "conflict");
    sendBack(ctx, merge, conflictOrder(merge, [], besidesConflict(feedback)), {
      kind: "pr.conflict_detected",
      text: `${mergeTitle(ctx, merge)} conflicts with ${merge.target}`,
    });
    return true;
  }
  if (feedback === "") return false;
  cancelGrace(ctx, merge, "feedback");
  const { threads, red, requests } = judged;
  sendBack(ctx, merge, feedbackOrder(judged, reading.logs), {
    kind: threads.length + requests.length > 0 ? "pr.feedback_detected" : "pr.checks_failed",
    text: `${mergeTitle(ctx, merge)} has feedback: ${threads.length} thread(s), ${requests.length} request(s) for changes, ${red.length} red check(s)`,
    data: { threads: threads.length, requests: requests.length, checks: red.map(({ name }) => name) },
  });
  return true;
}

/** Feedback that a reading brings while a conflict bead waits to be begun joins it. */
export function feedbackJoins(ctx: Ctx, merge: MergeRow, fix: BeadRow): void {
  const reading = readingOf(merge);
  if (fix.kind !== "conflict" || fix.status !== "open" || !reading) return;
  if (reading.pr.head_sha !== merge.head_sha) return;
  if (!settings(ctx, merge.rig_id).review.auto_resolve_feedback) return;
  const judged = judgeReading(ctx, merge, reading);
  joinConflict(ctx, fix, feedbackText(judged, reading.logs));
}

/** What keeps it here and not on the forge. */
function ownWaits(ctx: Ctx, merge: MergeRow): Waiting | null {
  const blocked = blockedWait(ctx, merge);
  if (blocked) return blocked;
  if (merge.merge_held !== null) {
    return merge.merge_held === "merge_queue"
      ? { code: "manual", message: "the repository requires its own merge queue: put it in there" }
      : { code: "held", message: `kept from landing by ${merge.merge_held}` };
  }
  if (townRow(ctx).paused_at !== null) return { code: "paused", message: "the town is paused" };
  // A target that fails the town's gates is no matter of a pull request: its own checks decide.
  const paused = laneWaits(ctx, merge);
  if (paused?.code === "held") return paused;
  if (merge.cooldown_until > ctx.now)
    return { code: "cooldown", message: "its last merge was refused", until: merge.cooldown_until };
  return null;
}

function bringUpToDate(ctx: Ctx, merge: MergeRow): Waiting {
  const ahead = updateAhead(ctx, merge);
  if (ahead) {
    const message = `is behind ${merge.target}; ${mergeTitle(ctx, ahead)} is brought up to date first`;
    return { code: "landing_queue", message, ids: [ahead.bead_id] };
  }
  updateBranch(ctx, merge);
  return { code: "landing_queue", message: `is brought up to date with ${merge.target}` };
}

/** Green: its grace period runs, and at its end everything is read again. */
function green(ctx: Ctx, merge: MergeRow, reading: Reading): number | null {
  const since = merge.green_since ?? ctx.now;
  if (merge.green_since === null)
    ctx.sql.run("update merge_requests set green_since = ? where bead_id = ?", since, merge.bead_id);
  if (merge.merge_now_sha === merge.head_sha)
    return landOrRead(ctx, merge, { code: "manual", message: READ_AGAIN });
  const { review } = settings(ctx, merge.rig_id);
  const delay = intoFeatureBranch(ctx, merge) ? 0 : review.auto_merge_delay_minutes;
  if (!review.auto_merge || delay === null) {
    const message = "is green; merging by itself is switched off, so a person merges it";
    return waitsAt(ctx, merge, { code: "manual", message });
  }
  const until = since + delay * MINUTE;
  if (merge.green_since === null) scheduled(ctx, merge, until);
  if (ctx.now < until) {
    waitsAt(ctx, merge, { code: "grace", message: "is green and will be merged", until });
    return until;
  }
  const grace: Waiting = { code: "grace", message: READ_AGAIN, until };
  if (delay === 0 || reading.asked.at >= until) return landOrRead(ctx, merge, grace);
  readAnew(ctx, merge);
  return waitsAt(ctx, merge, grace);
}

const READ_AGAIN = "is read once more before it is merged";
/** What was read earlier than this may have changed: a hold, a pause or a blocker kept it from being merged then. */
const FRESH = 10 * SECOND;

/** Merges on what was read just now, and on nothing older. */
function landOrRead(ctx: Ctx, merge: MergeRow, waiting: Waiting): number | null {
  if (ctx.now - merge.pr_read_at <= FRESH) return land(ctx, merge);
  readAnew(ctx, merge);
  return waitsAt(ctx, merge, waiting);
}

function land(ctx: Ctx, merge: MergeRow): null {
  approvalResolved(ctx, merge);
  landPullRequest(ctx, merge);
  return null;
}

function waitsFor(ctx: Ctx, merge: MergeRow, waiting: Waiting): number | null {
  cancelGrace(ctx, merge, waiting.code);
  return waitsAt(ctx, merge, waiting);
}

function waitsAt(ctx: Ctx, merge: MergeRow, waiting: Waiting): number | null {
  if (waiting.code === "approval") approvalAwaited(ctx, merge);
  else approvalResolved(ctx, merge);
  mergeWaits(ctx, merge, waiting);
  return waiting.code === "cooldown" ? (waiting.until ?? null) : null;
}

function scheduled(ctx: Ctx, merge: MergeRow, until: number): void {
  note(ctx, merge, {
    kind: "pr.auto_merge_scheduled",
    text: `${mergeTitle(ctx, merge)} is green and is merged at ${iso(until)} unless that changes`,
    data: { until: iso(until) },
  });
}

function cancelGrace(ctx: Ctx, merge: MergeRow, reason: string): void {
  if (merge.green_since === null) return;
  ctx.sql.run("update merge_requests set green_since = null where bead_id = ?", merge.bead_id);
  note(ctx, merge, {
    kind: "pr.auto_merge_cancelled",
    reason,
    text: `${mergeTitle(ctx, merge)} is not green any more (${reason.replaceAll("_", " ")})`,
  });
}

const awaitsApproval = (merge: MergeRow): boolean => readWaiting(merge.waiting)?.code === "approval";

function approvalAwaited(ctx: Ctx, merge: MergeRow): void {
  if (awaitsApproval(merge)) return;
  const approval = readingOf(merge)?.signals?.approval;
  note(ctx, merge, {
    kind: "pr.awaiting_approval_detected",
    reason: readingOf(merge)?.pr.mergeable ?? "unknown",
    text: `${mergeTitle(ctx, merge)} waits for an approval on the forge`,
    data: { label: approval?.state === "known" ? approval.decision : "unknown" },
  });
}

/** A reading that failed resolves nothing: it says nothing about approvals. */
function approvalResolved(ctx: Ctx, merge: MergeRow): void {
  const waiting = readWaiting(merge.waiting);
  if (waiting?.code !== "approval") return;
  note(ctx, merge, {
    kind: "pr.awaiting_approval_resolved",
    text: `${mergeTitle(ctx, merge)} waits for no approval any more`,
    data: { durationMs: ctx.now - waiting.since },
  });
  if (merge.convoy_id) schedule(ctx, "convoy", merge.convoy_id);
}

function note(
  ctx: Ctx,
  merge: MergeRow,
  event: { kind: string; text: string; reason?: string; data?: Record<string, unknown> },
): void {
  audit(ctx, {
    ...event,
    subject: { type: "bead", id: merge.bead_id },
    beadId: merge.source_id,
    convoyId: merge.convoy_id,
    rigId: merge.rig_id,
    data: { url: merge.pr_url, headSha: merge.head_sha, ...event.data },
  });
}
