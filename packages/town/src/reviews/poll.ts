/**
 * Watching a pull request (spec/review.md §4.1): one read per interval while it is open, as an effect.
 * What it brings is stored here; what to do about it is decided where the merge request stands.
 */
import type { ForgeError, PullRequest } from "@gastown/protocol";
import { audit } from "../audit/audit.ts";
import { beadRow } from "../beads/bead-row.ts";
import { SECOND, type Ctx } from "../kernel/context.ts";
import { toJson } from "../kernel/json.ts";
import { schedule } from "../kernel/schedule.ts";
import { enqueue, underWay } from "../outbox/outbox.ts";
import { failMerge } from "./fail.ts";
import type { ForgeAnswer } from "./forge-effects.ts";
import { headShown } from "./head-moved.ts";
import { mergeRow, type MergeRow } from "./merge-row.ts";
import { mergeTitle } from "./move-merge.ts";
import { pollFailed, pollSucceeded, type PollCounters, type Strike } from "./poll-strikes.ts";
import { pullRequestClosed, pullRequestMerged } from "./pr-end.ts";
import {
  HEAD_SETTLES,
  isWatched,
  pollInterval,
  priorHeads,
  providerOf,
  storeReading,
} from "./pull-request.ts";
import { threadsAwaited } from "./post-review.ts";

/** How soon a forge that still shows an older head is asked again. */
const STALE_HEAD_PAUSE = 15 * SECOND;

const pollSubject = (mergeId: string): string => `poll:${mergeId}`;

/** What happens now, one that is under way may have read too early to see. */
export function pollUnderWay(ctx: Ctx, mergeId: string): boolean {
  return underWay(ctx, "poll_pull_request", pollSubject(mergeId)) !== undefined;
}

/** Asks when it is time; returns when it is time next, or null while one is under way. */
export function pollWhenDue(ctx: Ctx, mergeId: string): number | null {
  const merge = mergeRow(ctx, mergeId);
  if (!merge || !isWatched(merge)) return null;
  if (merge.next_poll_at > ctx.now) return merge.next_poll_at;
  if (pollUnderWay(ctx, mergeId)) return null;
  enqueue(ctx, {
    kind: "poll_pull_request",
    subject: pollSubject(mergeId),
    key: pollSubject(mergeId),
    payload: { mergeId },
  });
  return null;
}

/** The answer of one poll. One that was asked at another head than today's says nothing. */
export function polled(ctx: Ctx, mergeId: string, answer: Extract<ForgeAnswer, { of: "poll" }>): void {
  const merge = mergeRow(ctx, mergeId);
  if (!merge || !isWatched(merge)) return;
  schedule(ctx, "merge", mergeId);
  if (merge.head_sha !== answer.asked.head) return pollAgain(ctx, merge, 0);
  if ("kind" in answer.reading)
    return failPolling(ctx, merge, { message: answer.reading.what, kind: "unsupported" });
  const { outcome, signals } = answer.reading;
  if (outcome.kind !== "ok") return pollError(ctx, merge, outcome);
  keepCounters(ctx, merge, pollSucceeded());
  if (showsOldHead(ctx, merge, outcome.pr)) return pollAgain(ctx, merge, STALE_HEAD_PAUSE);
  const { no, at } = answer.asked;
  pollAgain(ctx, merge, no < merge.read_after ? 0 : pollInterval(ctx, merge));
  storeReading(ctx, merge, { pr: outcome.pr, signals, logs: [...answer.logs], asked: { no, at } });
  statusChanged(ctx, merge, outcome.pr);
  const { pr } = outcome;
  if (pr.state === "merged") return pullRequestMerged(ctx, merge, pr, answer.contained);
  if (pr.state === "closed") return pullRequestClosed(ctx, merge);
  if (pr.head_sha !== merge.head_sha) return headShown(ctx, merge, pr.head_sha);
  threadsAwaited(ctx, merge);
}

/** Nobody answers this poll any more: it is asked again at its next time. */
export function pollLost(ctx: Ctx, mergeId: string): void {
  const merge = mergeRow(ctx, mergeId);
  if (merge && isWatched(merge)) pollAgain(ctx, merge, pollInterval(ctx, merge));
}

function pollAgain(ctx: Ctx, merge: MergeRow, wait: number): void {
  ctx.sql.run("update merge_requests set next_poll_at = ? where bead_id = ?", ctx.now + wait, merge.bead_id);
  schedule(ctx, "merge", merge.bead_id, ctx.now + wait);
}

/** A forge may show a head from before the last push for a while: that is no move. */
function showsOldHead(ctx: Ctx, merge: MergeRow, pr: PullRequest): boolean {
  return (
    pr.state === "open" &&
    pr.head_sha !== merge.head_sha &&
    ctx.now - merge.head_at < HEAD_SETTLES &&
    priorHeads(merge).includes(pr.head_sha)
  );
}

function statusChanged(ctx: Ctx, merge: MergeRow, pr: PullRequest): void {
  if (merge.pr_state === pr.state) return;
  audit(ctx, {
    kind: "pr.status_changed",
    subject: { type: "bead", id: merge.bead_id },
    beadId: merge.source_id,
    convoyId: merge.convoy_id,
    rigId: merge.rig_id,
    from: merge.pr_state,
    to: pr.state,
    text: `${mergeTitle(ctx, merge)}: its pull request is ${pr.state}`,
    data: { url: pr.url, number: pr.number, provider: providerOf(ctx, merge), state: pr.state },
  });
}

function pollError(ctx: Ctx, merge: MergeRow, error: ForgeError): void {
  const strike = pollFailed(countersOf(merge), error, providerOf(ctx, merge));
  keepCounters(ctx, merge, strike.counters);
  if (strike.spent) return budgetSpent(ctx, merge, error, strike);
  pollAgain(ctx, merge, Math.max(pollInterval(ctx, merge), strike.retryAfterMs ?? 0));
}

function budgetSpent(ctx: Ctx, merge: MergeRow, error: ForgeError, strike: Strike): void {
  audit(ctx, {
    kind: "pr.poll_failed",
    subject: { type: "bead", id: merge.bead_id },
    beadId: merge.source_id,
    convoyId: merge.convoy_id,
    rigId: merge.rig_id,
    reason: error.kind,
    text: `The pull request of ${mergeTitle(ctx, merge)} cannot be watched: ${strike.message}`,
    data: {
      town: ctx.townId,
      label: strike.provider,
      value: strike.strikes,
      ...(strike.status === null ? {} : { statusCode: strike.status }),
    },
  });
  failPolling(ctx, merge, { kind: error.kind, message: strike.message });
}

/** Finished work is not done again because a credential expired: its source is held. */
function failPolling(ctx: Ctx, merge: MergeRow, failure: { kind: string; message: string }): void {
  const bead = beadRow(ctx, merge.bead_id);
  ctx.sql.run(
    "update beads set metadata = json_patch(metadata, ?) where id = ?",
    toJson({ failureReason: "pr_poll_failed", failureKind: failure.kind, failureMessage: failure.message }),
    bead.id,
  );
  failMerge(ctx, merge, { kind: "pr_poll_failed", message: failure.message });
}

function countersOf(merge: MergeRow): PollCounters {
  return {
    transient: merge.poll_transient_count,
    nonTransient: merge.poll_non_transient_count,
    legacy: merge.poll_null_count,
    errorKind: merge.poll_error_kind,
  };
}

function keepCounters(ctx: Ctx, merge: MergeRow, counters: PollCounters): void {
  ctx.sql.run(
    `update merge_requests set poll_transient_count = ?, poll_non_transient_count = ?, poll_null_count = ?,
       poll_error_kind = ? where bead_id = ?`,
    counters.transient,
    counters.nonTransient,
    counters.legacy,
    counters.errorKind,
    merge.bead_id,
  );
}
