/** Results of effects, handed to whoever waits for them (spec/town.md §4). */
import { effectOutcome, type EffectOutcome, type FailureReason } from "@gastown/protocol";
import { branchFailed, branchMade, branchOf } from "../convoys/branches.ts";
import type { Ctx } from "../kernel/context.ts";
import { schedule } from "../kernel/schedule.ts";
import { undeliver } from "../mayor/messages.ts";
import { deletionEnded } from "../reviews/delete-branch.ts";
import { threadsClassified } from "../reviews/classify-threads.ts";
import { gatesError, gatesFinished, mergeFinished } from "../reviews/landing.ts";
import type { ForgeAnswer } from "../reviews/forge-effects.ts";
import { mergeRow } from "../reviews/merge-row.ts";
import { openingRefused, pullRequestOpened } from "../reviews/open-pr.ts";
import { polled, pollLost } from "../reviews/poll.ts";
import { reviewPosted } from "../reviews/post-review.ts";
import { pullRequestMergeFinished } from "../reviews/pr-landing.ts";
import { branchUpdated } from "../reviews/branch-updated.ts";
import { rigFailed, setupSucceeded } from "../rigs/rigs.ts";
import { countFailedStart } from "../runner/replacements.ts";
import { noRoom } from "../runner/room.ts";
import { endSession } from "../sessions/end.ts";
import { renewLease } from "../sessions/lease.ts";
import { forgettingEnded } from "../sessions/old-refs.ts";
import { backToAgent, settleCommitted } from "../sessions/settle.ts";
import { modelRefused } from "../sessions/model.ts";
import { settingsApplied } from "../sessions/settings-changed.ts";
import { sessionRow } from "../sessions/session-row.ts";
import type { EffectAnswer } from "../town.ts";
import { townRow } from "../town-row.ts";
import { accept, bury, effect, finish, forget, retryLater, sendAgain, type EffectRow } from "./outbox.ts";
import { payloadOf, resultDeadline } from "./requests.ts";

/** An executor's answer to one try. An answer to a try that is no longer the current one is late. */
export function effectAnswered(ctx: Ctx, effectId: string, attempt: number, answer: EffectAnswer): void {
  const row = effect(ctx, effectId);
  if (!row || row.state !== "running" || row.attempts !== attempt) return;
  switch (answer.type) {
    case "accepted":
      if (row.kind === "settle_session" && answer.headSha)
        settleCommitted(ctx, row.subject, payloadOf(row).settleId ?? "", answer.headSha);
      return accept(ctx, row, townRow(ctx).runner_epoch, resultDeadline(ctx, row));
    case "done":
      if (row.kind === "message_session" && isOvertaken(ctx, row)) return sendAgain(ctx, row);
      finish(ctx, row.id, answer.result ?? "done");
      return carriedOut(ctx, row, answer.result ?? "");
    case "outcome":
      finish(ctx, row.id, answer.outcome.outcome);
      return deliver(ctx, row, answer.outcome);
    case "forge":
      if (row.kind === "poll_pull_request") forget(ctx, row.id);
      else finish(ctx, row.id, answer.answer.of);
      return deliverForge(ctx, row, answer.answer);
    case "refused":
      if (isAnswer(row)) finish(ctx, row.id, answer.reason.code);
      else bury(ctx, row, answer.reason);
      return refused(ctx, row, answer.reason);
    case "no_room":
      return waitForRoom(ctx, row, answer.message);
    case "retry":
      if (row.kind === "ensure_runner") countFailedStart(ctx, answer.message);
      if (row.give_up_at !== null && row.give_up_at <= ctx.now) return finish(ctx, row.id, "unknown");
      if (!retryLater(ctx, row, answer)) return;
      bury(ctx, row, { code: "gave_up", message: answer.message });
      return refused(ctx, row, { code: "gave_up", message: answer.message });
  }
}

/** That it has no such session, or will not begin one, is a runner's answer, and nothing that was given up. */
function isAnswer({ kind }: EffectRow): boolean {
  return kind === "start_session" || kind === "check_session";
}

/**
 * A newer runner registered while the call was out: what took the message may be the one before it,
 * whose agent is gone. The one that has it already answers a repeat by its id.
 */
function isOvertaken(ctx: Ctx, row: EffectRow): boolean {
  return row.runner_epoch !== townRow(ctx).runner_epoch;
}

/** A start gives its slot back and waits with its bead; other work waits where it is. */
function waitForRoom(ctx: Ctx, row: EffectRow, message: string): void {
  noRoom(ctx, message);
  if (row.kind !== "start_session") {
    retryLater(ctx, row, { message, counted: false });
    return;
  }
  const action = "It begins by itself when there is room; a host with more instances has more.";
  const reason = { code: "at_capacity", phase: "process" as const, message, action };
  finish(ctx, row.id, reason.code);
  startRefused(ctx, row.subject, reason);
}

/** The runner's callback for what it accepted; from an older instance, or late, it is ignored. */
export function effectSettled(ctx: Ctx, effectId: string, runnerEpoch: number, outcome: EffectOutcome): void {
  const row = effect(ctx, effectId);
  if (!row || runnerEpoch !== townRow(ctx).runner_epoch) return;
  if (row.state !== "running" && row.state !== "accepted" && row.state !== "pending") return;
  finish(ctx, row.id, outcome.outcome);
  deliver(ctx, row, effectOutcome.parse(outcome));
}

function deliver(ctx: Ctx, row: EffectRow, outcome: EffectOutcome): void {
  const payload = payloadOf(row);
  switch (row.kind) {
    case "setup_rig":
      if (outcome.outcome === "rig_ready") {
        return setupSucceeded(ctx, row.subject, {
          defaultBranch: outcome.default_branch,
          headSha: outcome.head_sha,
          formulas: outcome.formulas ?? [],
          problems: outcome.formula_problems ?? [],
        });
      }
      return rigFailed(ctx, row.subject, problemOf(outcome));
    case "branch":
      return branchResult(ctx, payload, outcome);
    case "run_gates":
      if (!payload.mergeId) return;
      if (outcome.outcome === "gates_done")
        return gatesFinished(ctx, payload.mergeId, payload.headSha ?? "", outcome.gates);
      return gatesError(ctx, payload.mergeId, problemOf(outcome).message);
    case "merge":
      if (payload.mergeId) mergeFinished(ctx, payload.mergeId, outcome);
      return;
    case "ask_model":
      if (payload.mergeId && payload.asked)
        threadsClassified(
          ctx,
          payload.mergeId,
          payload.asked,
          outcome.outcome === "answered" ? outcome.text : null,
        );
      return;
    case "update_branch": {
      const { mergeId, headSha, seenHead } = payload;
      if (mergeId && headSha) branchUpdated(ctx, { mergeId, headSha, seenHead }, outcome);
      return;
    }
    default:
      return;
  }
}

function deliverForge(ctx: Ctx, row: EffectRow, answer: ForgeAnswer): void {
  const { mergeId, headSha } = payloadOf(row);
  if (!mergeId) return;
  switch (answer.of) {
    case "open":
      return pullRequestOpened(ctx, mergeId, answer);
    case "poll":
      return polled(ctx, mergeId, answer);
    case "merge":
      return pullRequestMergeFinished(ctx, mergeId, answer.result);
    case "review":
      return reviewPosted(ctx, mergeId, headSha ?? "", answer.problem);
  }
}

function carriedOut(ctx: Ctx, row: EffectRow, result: string): void {
  if (row.kind === "sync_config") settingsApplied(ctx, result);
  if (row.kind === "check_session") sessionIsThere(ctx, row.subject);
}

function branchResult(ctx: Ctx, payload: ReturnType<typeof payloadOf>, outcome: EffectOutcome): void {
  const { operation, rigId, branch, expectedHead, failures = 0 } = payload;
  if (operation === "delete" && rigId && branch && expectedHead)
    return deletionEnded(ctx, { rigId, branch, expectedHead, failures }, outcome);
  if (operation === "forget" && rigId && branch && payload.sessionId)
    return forgettingEnded(ctx, { rigId, sessionId: payload.sessionId, ref: branch, failures }, outcome);
  if (operation !== "create" || !payload.convoyId || !payload.rigId) return;
  // Another one is wanted by now: this answer is about none.
  if (branchOf(ctx, payload.convoyId, payload.rigId)?.branch !== branch) return;
  if (outcome.outcome === "branch_done")
    return branchMade(ctx, payload.convoyId, payload.rigId, outcome.head_sha);
  branchFailed(ctx, payload.convoyId, payload.rigId, problemOf(outcome).message);
  schedule(ctx, "convoy", payload.convoyId);
}

function problemOf(outcome: EffectOutcome): { message: string; action: string } {
  switch (outcome.outcome) {
    case "rig_broken":
      return { message: outcome.message, action: outcome.action };
    case "error":
      return { message: outcome.message, action: "" };
    case "rejected":
    case "auth":
      return { message: outcome.reason, action: "Check the access to this repository." };
    case "missing_ref":
      return { message: `${outcome.ref} is missing on the remote`, action: "" };
    default:
      return { message: `unexpected result ${outcome.outcome}`, action: "" };
  }
}

/** A dead effect is its failure to whoever waits for it. */
function refused(ctx: Ctx, row: EffectRow, reason: FailureReason): void {
  const payload = payloadOf(row);
  switch (row.kind) {
    case "start_session":
      return startRefused(ctx, row.subject, reason);
    case "check_session":
      return sessionIsUnknown(ctx, row.subject);
    case "message_session":
      if (payload.messageId) undeliver(ctx, payload.messageId);
      return messageRefused(ctx, row, reason);
    case "sync_config":
      return settingsApplied(ctx, `not taken: ${reason.message}`);
    case "change_model":
      return modelRefused(ctx, row.subject, payload.before);
    case "settle_session":
      return settleRefused(ctx, row.subject, reason);
    case "setup_rig":
      return rigFailed(ctx, row.subject, { message: reason.message, action: reason.action ?? "" });
    case "branch":
      // One that is given up has been tried often enough.
      if (payload.operation === "create")
        branchResult(ctx, payload, { outcome: "error", message: reason.message });
      return;
    case "run_gates":
      if (payload.mergeId) gatesError(ctx, payload.mergeId, reason.message);
      return;
    case "merge":
    case "merge_pull_request":
      if (payload.mergeId) mergeFinished(ctx, payload.mergeId, { outcome: "error", message: reason.message });
      return;
    case "open_pull_request": {
      const merge = payload.mergeId ? mergeRow(ctx, payload.mergeId) : undefined;
      if (merge && merge.pr_url === null && merge.state !== "merged" && merge.state !== "failed")
        openingRefused(ctx, merge, reason.message);
      return;
    }
    case "update_branch": {
      const { mergeId, headSha } = payload;
      const error = { outcome: "error", message: reason.message } as const;
      if (mergeId && headSha) branchUpdated(ctx, { mergeId, headSha }, error);
      return;
    }
    case "ask_model":
      if (payload.mergeId && payload.asked) threadsClassified(ctx, payload.mergeId, payload.asked, null);
      return;
    case "poll_pull_request":
      if (payload.mergeId) pollLost(ctx, payload.mergeId);
      return;
    case "post_review":
      if (payload.mergeId) reviewPosted(ctx, payload.mergeId, payload.headSha ?? "", reason.message);
      return;
    default:
      return;
  }
}

/** *refused*: the session ends at once and backoff applies (decision 2). */
function startRefused(ctx: Ctx, sessionId: string, reason: FailureReason): void {
  const session = sessionRow(ctx, sessionId);
  if (session?.state === "starting") endSession(ctx, session, { outcome: "refused", reason, gone: true });
}

/** Asked for, because nothing had been heard of it: its runner has it, so its lease begins anew. */
function sessionIsThere(ctx: Ctx, sessionId: string): void {
  const session = sessionRow(ctx, sessionId);
  if (session && session.state !== "ended") renewLease(ctx, session);
}

function sessionIsUnknown(ctx: Ctx, sessionId: string): void {
  const session = sessionRow(ctx, sessionId);
  if (!session || session.state === "ended" || session.lease_expires_at > ctx.now) return;
  const message = "nothing was heard of it for 90 s, and its runner does not know it";
  endSession(ctx, session, { outcome: "lost", reason: { code: "session_unknown", message }, gone: false });
}

/**
 * The runner does not know the mayor's session: it is over, and the message goes to the next one. Not
 * so where a newer runner has registered meanwhile: that one has the session, the old one was asked.
 */
function messageRefused(ctx: Ctx, row: EffectRow, reason: FailureReason): void {
  if (isOvertaken(ctx, row)) return;
  const session = sessionRow(ctx, row.subject);
  if (session && session.state !== "ended")
    endSession(ctx, session, { outcome: "failed", reason, gone: true });
}

function settleRefused(ctx: Ctx, sessionId: string, reason: FailureReason): void {
  const session = sessionRow(ctx, sessionId);
  if (session?.state !== "settling") return;
  backToAgent(ctx, session, {
    type: "refused",
    code: "push_failed",
    message: `${reason.message} Your work is safe. Call gt_done again in a moment.`,
  });
}
