/**
 * The end of a session that still had its work, and what becomes of that (spec/town.md §2, §5). Only
 * the end of its session frees a bead (decision 1).
 */
import type { FailureReason, SessionOutcome } from "@gastown/protocol";
import { countFailure, reopen } from "../beads/attempts.ts";
import type { BeadRow } from "../beads/bead-row.ts";
import { questionsOf } from "../escalations/escalations.ts";
import { SECOND, type Ctx } from "../kernel/context.ts";
import { turnCutOff } from "../mayor/messages.ts";
import { notePrewarm } from "../mayor/prewarm.ts";
import { reviewEndedWithoutVerdict } from "../reviews/no-verdict.ts";
import { rigFailed } from "../rigs/rigs.ts";
import { triageSessionEnded } from "../triage/requests.ts";
import { closeSession, type SessionEnd } from "./close.ts";
import { tellOfMissingModel, tellOfProvider } from "./model-gone.ts";
import { isModelMissing, isPassing, isRigWide, restAfter, WORK_UNSAVED } from "./refusals.ts";
import type { SessionRow } from "./session-row.ts";
import { isOfAnother, tellOfUnsaved } from "./unsaved-work.ts";

const FAILED: readonly SessionOutcome[] = ["failed", "lost", "refused"];

export function endSession(ctx: Ctx, session: SessionRow, end: SessionEnd): void {
  closeSession(ctx, session, end);
  if (end.outcome === "evicted") tellOfProvider(ctx, session, end.reason);
  if (end.outcome === "refused" && isModelMissing(end.reason)) tellOfMissingModel(ctx, session, end.reason);
  if (end.outcome === "refused" && end.reason.code === WORK_UNSAVED) tellOfUnsaved(ctx, session, end.reason);
  release(ctx, session, end);
}

function release(ctx: Ctx, session: SessionRow, end: SessionEnd): void {
  if (session.prewarmed === 1) notePrewarm(ctx, session, "unused");
  if (session.role === "mayor") mayorEnded(ctx, session, end);
  else if (session.role === "triage") triageSessionEnded(ctx, session, triageEnd(ctx, end));
  else if (session.role === "refinery") reviewEndedWithoutVerdict(ctx, session, end);
  else if (session.bead_id) releaseBead(ctx, session, session.bead_id, end);
}

/** A refusal that counts nowhere keeps it from starting for a while: until then, or until somebody asks anew. */
function mayorEnded(ctx: Ctx, session: SessionRow, end: SessionEnd): void {
  turnCutOff(ctx, session.id, whyCutOff(session, end));
  const rest = end.outcome === "refused" && isPassing(end.reason) ? restAfter(ctx, end.reason) : 0;
  if (rest > 0) ctx.sql.run("update town set mayor_rest_until = ? where id = 1", ctx.now + rest);
}

/** Evictions and refusals for want of room, of a runner or of a model are no attempts. */
function triageEnd(ctx: Ctx, { outcome, reason }: SessionEnd): { rest: number; counts: boolean } {
  const uncounted = outcome === "refused" && isPassing(reason);
  return {
    rest: uncounted ? restAfter(ctx, reason) : FAILED.includes(outcome) ? 30 * SECOND : 0,
    counts: !uncounted && outcome !== "evicted",
  };
}

function whyCutOff(session: SessionRow, end: SessionEnd): "failure" | "planned" | "asked" {
  if (session.stop_requested !== null) return "asked";
  return end.outcome === "evicted" ? "planned" : "failure";
}

function releaseBead(ctx: Ctx, session: SessionRow, beadId: string, end: SessionEnd): void {
  const bead = ctx.sql.get<BeadRow>("select * from beads where id = ?", beadId);
  if (!bead || bead.status !== "in_progress") return;
  switch (end.outcome) {
    case "submitted":
    case "no_changes":
      return;
    case "stopped":
    case "evicted":
      reopen(ctx, bead, end.outcome, `${bead.title} is open again (${end.outcome})`);
      return;
    case "refused":
      releaseRefused(ctx, session, bead, end.reason);
      return;
    default:
      releaseFailed(ctx, session, bead, end);
  }
}

function releaseRefused(ctx: Ctx, session: SessionRow, bead: BeadRow, reason: FailureReason): void {
  if (isPassing(reason)) {
    const elsewhere = reason.code === WORK_UNSAVED && isOfAnother(ctx, session);
    const rest = restAfter(ctx, elsewhere ? { ...reason, until: undefined } : reason);
    ctx.sql.run(
      "update beads set cooldown_until = ?, avoid_agent = coalesce(?, avoid_agent) where id = ?",
      ctx.now + rest,
      elsewhere ? session.agent_id : null,
      bead.id,
    );
    reopen(ctx, bead, reason.code, `${bead.title} waits: ${reason.message}`);
    return;
  }
  if (session.rig_id && isRigWide(ctx, session, reason)) {
    reopen(ctx, bead, reason.code, `${bead.title} waits for its rig: ${reason.message}`);
    rigFailed(ctx, session.rig_id, { message: reason.message, action: reason.action ?? "" });
    return;
  }
  countFailure(ctx, bead, "start", reason);
}

function releaseFailed(ctx: Ctx, session: SessionRow, bead: BeadRow, end: SessionEnd): void {
  const asked = ctx.sql.get<{ id: string }>(
    "select bead_id as id from escalations where open = 1 and subject >= ? and subject < ? limit 1",
    ...questionsOf(session.id),
  );
  if (asked && end.outcome === "completed") {
    ctx.sql.run("update beads set held = 'question' where id = ?", bead.id);
    reopen(ctx, bead, "question", `${bead.title} waits for an answer`);
    return;
  }
  const neverBegan = end.outcome === "lost" && session.prompted === 0;
  countFailure(ctx, bead, neverBegan ? "start" : "run", end.reason);
}
