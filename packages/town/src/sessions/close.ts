/**
 * Closing a session: its row, its pending effects, its slot. What that means for the work it had is
 * `end.ts`; a caller that has moved the work on already needs only this.
 */
import { failureReason, type FailureReason, type KeptWork, type SessionOutcome } from "@gastown/protocol";
import { audit } from "../audit/audit.ts";
import { breakerSawEnd } from "../breaker/breaker.ts";
import { chargeEnded } from "../budgets/watch.ts";
import type { Ctx } from "../kernel/context.ts";
import { fromJson, toJson } from "../kernel/json.ts";
import { unschedule } from "../kernel/schedule.ts";
import { sessionEndedWithMail } from "../mail/mail.ts";
import { sessionEndedWithNudges } from "../nudges/nudges.ts";
import { cancelPending, enqueue, finishKind } from "../outbox/outbox.ts";
import { maybeLast } from "../runner/give-way.ts";
import { move } from "../status.ts";
import { requestsOfEnded } from "../triage/requests.ts";
import { withKept } from "./kept-work.ts";
import { withdrawPermissions } from "./permissions.ts";
import { STOP_DEADLINE, type SessionRow } from "./session-row.ts";
import { unsavedIsSaved } from "./unsaved-work.ts";

export interface SessionEnd {
  outcome: SessionOutcome;
  reason: FailureReason;
  /** The runner said so itself: nothing is left to tidy up there. */
  gone: boolean;
  workRef?: string | null;
}

const FINISHED: readonly SessionOutcome[] = ["submitted", "no_changes", "approved", "changes_requested"];

export function closeSession(ctx: Ctx, session: SessionRow, end: SessionEnd): void {
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
  withdrawPermissions(ctx, session.id);
  unschedule(ctx, "session", session.id);
  cancelPending(ctx, session.id);
  finishKind(ctx, "settle_session", session.id, "over");
  if (!end.gone) tidyUp(ctx, session, end.outcome);
  if (isFailedStart(session, end)) recordFailedStart(ctx, session, end.reason);
  // Nobody can say any more what a lost one left: what it had saved on its way counts.
  const workRef = end.workRef ?? (end.outcome === "lost" ? session.work_ref : null);
  if (workRef) keepWorkRef(ctx, session, workRef);
  sessionEndedWithNudges(ctx, session);
  sessionEndedWithMail(ctx, session.id);
  requestsOfEnded(ctx, session.id);
  chargeEnded(ctx, session.id);
  maybeLast(ctx);
  breakerSawEnd(ctx, session, end);
}

/**
 * Asks the runner to let go of it: after its turn where it finished, at once where it did not. Not for
 * ever: the runner may be gone with it, and one that comes back is told by the answer to its heartbeat.
 */
function tidyUp(ctx: Ctx, session: SessionRow, outcome: SessionOutcome): void {
  const mode = FINISHED.includes(outcome) ? "graceful" : "now";
  enqueue(ctx, {
    kind: "stop_session",
    subject: session.id,
    key: `stop:${session.id}:${mode}`,
    payload: { mode },
    giveUpAt: ctx.now + STOP_DEADLINE,
  });
}

/** Refused, or never heard of: it was not prompted. */
function isFailedStart(session: SessionRow, { outcome }: SessionEnd): boolean {
  return outcome === "refused" || (outcome === "lost" && session.prompted === 0);
}

/** All that a person can know of it without the machine (spec/runner.md §7). */
function recordFailedStart(ctx: Ctx, session: SessionRow, reason: FailureReason): void {
  audit(ctx, {
    kind: "agent.dispatch_failed",
    subject: { type: "session", id: session.id },
    beadId: session.bead_id,
    rigId: session.rig_id,
    agentId: session.agent_id,
    sessionId: session.id,
    reason: reason.code,
    text: `A start failed${reason.phase ? ` (${reason.phase.replace("_", " ")})` : ""}: ${reason.message}`,
    data: {
      code: reason.code,
      phase: reason.phase ?? null,
      message: reason.message,
      action: reason.action ?? null,
      stderrTail: reason.stderr_tail ?? null,
    },
  });
}

/** The runner reports after the end: where the unfinished work is, and that the slot is free. */
export function sessionGone(
  ctx: Ctx,
  session: SessionRow,
  workRef: string | null,
  kept: readonly KeptWork[] = [],
): void {
  ctx.sql.run(
    "update sessions set gone = 1, work_ref = coalesce(?, work_ref) where id = ?",
    workRef,
    session.id,
  );
  const reason = fromJson(failureReason, session.reason);
  if (reason && kept.length > 0)
    ctx.sql.run("update sessions set reason = ? where id = ?", toJson(withKept(reason, kept)), session.id);
  if (workRef !== null && session.bead_id) keepWorkRef(ctx, session, workRef);
  if (workRef !== null || kept.length > 0) unsavedIsSaved(ctx, session.agent_id);
}

/** Saved work is where the next attempt begins, unless one has begun already: who was refused has not. */
function keepWorkRef(ctx: Ctx, session: SessionRow, workRef: string): void {
  ctx.sql.run(
    `update beads set work_ref = ?1 where id = ?2 and status in ('open', 'in_progress')
       and not exists (select 1 from sessions s where s.bead_id = ?2 and s.started_at > ?3 and s.outcome is not 'refused')`,
    workRef,
    session.bead_id,
    session.started_at,
  );
}

function endText(session: SessionRow, end: SessionEnd): string {
  const detail = end.reason.message && !FINISHED.includes(end.outcome) ? `: ${end.reason.message}` : "";
  return `${session.role} session ended (${end.outcome.replace("_", " ")})${detail}`;
}
