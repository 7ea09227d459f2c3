/**
 * The end of a session, and what it means for the work it had (spec/town.md §2, §5). Only this frees
 * the bead (decision 1): an end that the town decided asks the runner to tidy up afterwards.
 */
import type { FailureReason, SessionOutcome } from "@gastown/protocol";
import { audit } from "../audit/audit.ts";
import type { BeadRow } from "../beads/bead-row.ts";
import { countFailure, reopen } from "../beads/attempts.ts";
import type { Ctx } from "../kernel/context.ts";
import { toJson } from "../kernel/json.ts";
import { unschedule } from "../kernel/schedule.ts";
import { mayorSessionEnded } from "../mayor/messages.ts";
import { cancelPending, enqueue } from "../outbox/outbox.ts";
import { reviewEndedWithoutVerdict } from "../reviews/no-verdict.ts";
import { rigFailed } from "../rigs/rigs.ts";
import { move } from "../status.ts";
import { sessionRow, type SessionRow } from "./session-row.ts";

export interface SessionEnd {
  outcome: SessionOutcome;
  reason: FailureReason;
  /** The runner said so itself: nothing is left to tidy up there. */
  gone: boolean;
  workRef?: string | null;
}

const FINISHED: readonly SessionOutcome[] = ["submitted", "no_changes", "approved", "changes_requested"];

export function endSession(ctx: Ctx, session: SessionRow, end: SessionEnd): void {
  ctx.sql.run(
    `update sessions set outcome = ?, reason = ?, ended_at = ?, gone = ?, busy = 0, work_ref = coalesce(?, work_ref)
     where id = ?`,
    end.outcome,
    toJson(end.reason),
    ctx.now,
    end.gone ? 1 : 0,
    end.workRef ?? null,
    session.id,
  );
  move(ctx, {
    machine: "session",
    id: session.id,
    from: session.state,
    to: "ended",
    reason: end.outcome,
    event: {
      kind: "session.ended",
      subject: { type: "session", id: session.id },
      beadId: session.bead_id,
      rigId: session.rig_id,
      agentId: session.agent_id,
      sessionId: session.id,
      text: endText(session, end),
      data: {
        outcome: end.outcome,
        code: end.reason.code,
        phase: end.reason.phase ?? null,
        workRef: end.workRef ?? null,
      },
    },
  });
  ctx.sql.run("update agents set status_text = null, status_at = null where id = ?", session.agent_id);
  unschedule(ctx, "session", session.id);
  cancelPending(ctx, session.id);
  if (!end.gone) tidyUp(ctx, session, end.outcome);
  if (end.outcome === "refused") recordRefusal(ctx, session, end.reason);
  release(ctx, session, end);
}

/** Asks the runner to let go of it: after its turn where it finished, at once where it did not. */
function tidyUp(ctx: Ctx, session: SessionRow, outcome: SessionOutcome): void {
  const mode = FINISHED.includes(outcome) ? "graceful" : "now";
  enqueue(ctx, {
    kind: "stop_session",
    subject: session.id,
    key: `stop:${session.id}:${mode}`,
    payload: { mode },
  });
}

function recordRefusal(ctx: Ctx, session: SessionRow, reason: FailureReason): void {
  audit(ctx, {
    kind: "agent.dispatch_failed",
    subject: { type: "session", id: session.id },
    beadId: session.bead_id,
    rigId: session.rig_id,
    agentId: session.agent_id,
    sessionId: session.id,
    reason: reason.code,
    text: `A start failed${reason.phase ? ` (${reason.phase.replace("_", " ")})` : ""}: ${reason.message}`,
    data: { code: reason.code, phase: reason.phase ?? null, action: reason.action ?? null },
  });
}

/** The runner reports after the end: where the unfinished work is, and that the slot is free. */
export function sessionGone(ctx: Ctx, session: SessionRow, workRef: string | null): void {
  ctx.sql.run(
    "update sessions set gone = 1, work_ref = coalesce(?, work_ref) where id = ?",
    workRef,
    session.id,
  );
  if (workRef !== null && session.bead_id) keepWorkRef(ctx, session, workRef);
}

function release(ctx: Ctx, session: SessionRow, end: SessionEnd): void {
  if (end.workRef) keepWorkRef(ctx, session, end.workRef);
  if (session.role === "mayor") mayorSessionEnded(ctx, session);
  else if (session.role === "refinery") reviewEndedWithoutVerdict(ctx, session, end);
  else if (session.bead_id) releaseBead(ctx, session, session.bead_id, end);
}

/** Saved work is where the next attempt begins, unless that has begun already. */
function keepWorkRef(ctx: Ctx, session: SessionRow, workRef: string): void {
  ctx.sql.run(
    `update beads set work_ref = ?1 where id = ?2 and status in ('open', 'in_progress')
       and not exists (select 1 from sessions s where s.bead_id = ?2 and s.started_at > ?3)`,
    workRef,
    session.bead_id,
    session.started_at,
  );
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

/** Refusals that say nothing about the work, and those that every bead of the rig would meet. */
const UNCOUNTED: readonly string[] = ["draining", "at_capacity", "model_unavailable"];
const RIG_WIDE: readonly string[] = ["runtime_missing", "repository_unusable", "no_token", "auth"];

function releaseRefused(ctx: Ctx, session: SessionRow, bead: BeadRow, reason: FailureReason): void {
  if (UNCOUNTED.includes(reason.code)) {
    ctx.sql.run("update beads set cooldown_until = ? where id = ?", ctx.now + 30_000, bead.id);
    reopen(ctx, bead, reason.code, `${bead.title} waits: ${reason.message}`);
    return;
  }
  if (RIG_WIDE.includes(reason.code) && session.rig_id) {
    reopen(ctx, bead, reason.code, `${bead.title} waits for its rig: ${reason.message}`);
    rigFailed(ctx, session.rig_id, { message: reason.message, action: reason.action ?? "" });
    return;
  }
  countFailure(ctx, bead, "start", reason);
}

function releaseFailed(ctx: Ctx, session: SessionRow, bead: BeadRow, end: SessionEnd): void {
  const asked = ctx.sql.get<{ id: string }>(
    "select bead_id as id from escalations where open = 1 and subject = ? limit 1",
    `session:${session.id}`,
  );
  if (asked && end.outcome === "completed") {
    ctx.sql.run("update beads set held = 'question' where id = ?", bead.id);
    reopen(ctx, bead, "question", `${bead.title} waits for an answer`);
    return;
  }
  const neverBegan = end.outcome === "lost" && session.prompted === 0;
  countFailure(ctx, bead, neverBegan ? "start" : "run", end.reason);
}

function endText(session: SessionRow, end: SessionEnd): string {
  const detail = end.reason.message && !FINISHED.includes(end.outcome) ? `: ${end.reason.message}` : "";
  return `${session.role} session ended (${end.outcome.replace("_", " ")})${detail}`;
}

/** The live session by its id, or undefined when it is over or unknown. */
export function liveSession(ctx: Ctx, id: string): SessionRow | undefined {
  const row = sessionRow(ctx, id);
  return row && row.state !== "ended" ? row : undefined;
}
