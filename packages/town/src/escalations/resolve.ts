/** A person's answer to an escalation; its effect happens in the same transaction (spec/api.md §3.12). */
import { GastownError } from "@gastown/protocol";
import { closeIssue, retryIssue, retryMerge } from "../beads/commands.ts";
import { findBead } from "../beads/bead-row.ts";
import { isBroken } from "../beads/done.ts";
import { BREAKER, resumeBreaker } from "../breaker/breaker.ts";
import { closeConvoy, retryConvoy } from "../convoys/commands.ts";
import { members } from "../convoys/convoys.ts";
import type { Ctx } from "../kernel/context.ts";
import { queueMessage } from "../mayor/messages.ts";
import { nudge } from "../nudges/nudges.ts";
import { schedule } from "../kernel/schedule.ts";
import { dismissMerge, stopReview } from "../reviews/fail.ts";
import { mootFix } from "../reviews/fix-beads.ts";
import { laneOfSubject, laneOpens } from "../reviews/lanes.ts";
import { mergeRow, sourceIssue, type MergeRow } from "../reviews/merge-row.ts";
import { mergeTitle, moveMerge } from "../reviews/move-merge.ts";
import { askForSetup } from "../rigs/rigs.ts";
import { RUNNER_LOST, tryRunnerAgain } from "../runner/replacements.ts";
import { storeApproval } from "../reviews/verdict-row.ts";
import { decidePermission, isPermission } from "../sessions/permissions.ts";
import { sessionRow } from "../sessions/session-row.ts";
import { choicesOf, closeEscalation, sourceOf, toEscalation, type EscalationRow } from "./escalations.ts";

export interface Answer {
  choice?: string | undefined;
  answer?: string | undefined;
}

/** Throws `action_not_offered`, `outcome_recorded` (answered otherwise already), `validation_failed`. */
export function resolveEscalation(ctx: Ctx, row: EscalationRow, answer: Answer): void {
  if (row.open === 0) return repeated(ctx, row, answer);
  const offered = choicesOf(row).map((choice) => choice.id);
  if (answer.choice !== undefined && !offered.includes(answer.choice) && answer.choice !== "ignore") {
    throw new GastownError(
      "action_not_offered",
      `This question offers ${offered.length === 0 ? "no choices, only an answer" : offered.join(", ")} (or ignore), not ${answer.choice}.`,
      { offered },
    );
  }
  if (answer.choice === undefined && answer.answer === undefined) {
    throw new GastownError(
      "validation_failed",
      `Give a choice (${offered.join(", ") || "none offered"}) or an answer.`,
    );
  }
  if (answer.choice === undefined && isPermission(row.subject))
    throw new GastownError("validation_failed", `Words alone allow nothing: choose ${offered.join(", ")}.`);
  closeEscalation(ctx, row, { choice: answer.choice ?? null, answer: answer.answer ?? null });
  if (answer.answer !== undefined) tellAsker(ctx, row, answer.answer);
  if (answer.choice !== undefined && isPermission(row.subject))
    return decidePermission(ctx, row.subject, answer.choice);
  if (answer.choice !== undefined && answer.choice !== "ignore") carryOut(ctx, row, answer.choice);
  else if (row.subject.startsWith("session:")) startAgain(ctx, row);
}

function repeated(ctx: Ctx, row: EscalationRow, answer: Answer): void {
  const recorded = toEscalation(ctx, row).resolution?.choice ?? null;
  if (recorded === (answer.choice ?? null)) return;
  throw new GastownError(
    "outcome_recorded",
    `This question was answered already (${recorded ?? "with a text"}).`,
    { recorded },
  );
}

/** The answer reaches the asker as a turn while it lives, and its next attempt as a note (spec/api.md §3.12). */
function tellAsker(ctx: Ctx, row: EscalationRow, text: string): void {
  const { beadId, sessionId } = sourceOf(row);
  if (beadId) ctx.sql.run("update beads set note = ? where id = ?", text, beadId);
  const asker = sessionId && row.subject.startsWith("session:") ? sessionRow(ctx, sessionId) : undefined;
  if (!asker || asker.state === "ended" || asker.stop_requested !== null) return;
  const told = `${ctx.actor.name} answers your question "${row.title}":\n${text}`;
  if (asker.role === "mayor") queueMessage(ctx, told);
  else nudge(ctx, asker, { text: told, mode: "when_idle", urgent: true });
}

/** A bead that was held for the question goes on. */
function startAgain(ctx: Ctx, row: EscalationRow): void {
  const { beadId } = sourceOf(row);
  const bead = beadId
    ? ctx.sql.get<{ held: string | null }>("select held from beads where id = ?", beadId)
    : undefined;
  if (beadId && bead?.held === "question") retryIssue(ctx, beadId, { fresh: false, note: "" });
}

function carryOut(ctx: Ctx, row: EscalationRow, choice: string): void {
  if (row.subject === BREAKER) return resumeBreaker(ctx);
  if (row.subject === RUNNER_LOST) return tryRunnerAgain(ctx);
  const lane = laneOfSubject(row.subject);
  if (lane) return laneOpens(ctx, lane);
  const merge = mergeRow(ctx, row.subject);
  if (merge) return onMerge(ctx, merge, choice);
  if (row.subject.startsWith("rig_")) return askForSetup(ctx, row.subject);
  if (row.subject.startsWith("convoy_")) return onConvoy(ctx, row.subject, choice);
  if (choice === "retry") retryIssue(ctx, row.subject, { fresh: false, note: "" });
  else if (choice === "waive") closeIssue(ctx, row.subject, "waived", "");
  else if (choice === "close") closeOpen(ctx, row.subject);
}

/** A failed bead cannot be closed any more: to go on without it is to waive it. */
function closeOpen(ctx: Ctx, beadId: string): void {
  const bead = findBead(ctx, beadId);
  if (bead.status === "failed") return;
  closeIssue(ctx, beadId, "cancelled", "");
}

function onMerge(ctx: Ctx, merge: MergeRow, choice: string): void {
  if (choice === "retry") {
    if (merge.state === "failed") retryMerge(ctx, merge.bead_id);
    else again(ctx, merge, "queued");
  } else if (choice === "approve") {
    // A failed one goes through the queue again, where this verdict holds (spec/review.md §2).
    if (merge.state === "failed") retryMerge(ctx, merge.bead_id);
    storeApproval(ctx, merge, `Approved by ${ctx.actor.name}`);
    // What is in the queue stays there: its gates run first, and then the verdict holds.
    if (merge.state === "queued") schedule(ctx, "merge", merge.bead_id);
    else if (merge.state !== "failed") again(ctx, merge, "approved");
  } else if (choice === "close") {
    closeSource(ctx, merge);
  }
}

function again(ctx: Ctx, merge: MergeRow, to: "queued" | "approved"): void {
  ctx.sql.run(
    `update merge_requests set question_id = null, gates_head = null, change_rounds = 0, feedback_rounds = 0, conflict_rounds = 0,
       recheck = null where bead_id = ?`,
    merge.bead_id,
  );
  if (merge.state === to) return;
  stopReview(ctx, merge, "a person decided");
  mootFix(ctx, merge);
  moveMerge(ctx, merge, {
    to,
    kind: to === "queued" ? "merge.queued" : "review.approved",
    text: `${mergeTitle(ctx, merge)} goes on (${ctx.actor.name})`,
  });
}

function closeSource(ctx: Ctx, merge: MergeRow): void {
  if (sourceIssue(ctx, merge)) return closeOpen(ctx, merge.source_id);
  if (merge.state !== "failed" && merge.state !== "merged") dismissMerge(ctx, merge, "dropped by a person");
  if (merge.lands_convoy === 1) closeConvoy(ctx, merge.source_id, "");
}

function onConvoy(ctx: Ctx, convoyId: string, choice: string): void {
  if (choice === "retry") retryConvoy(ctx, convoyId);
  else if (choice === "close") closeConvoy(ctx, convoyId, "");
  else if (choice === "waive") {
    for (const bead of members(ctx, convoyId).filter(isBroken)) closeIssue(ctx, bead.id, "waived", "");
  }
}
