/** What the runner reports about one session, applied from the inbox. Old epochs change nothing. */
import type { SessionEnded, SessionSaved, TurnEnded } from "@gastown/protocol";
import { audit } from "../audit/audit.ts";
import { recordUsage } from "../budgets/watch.ts";
import type { Ctx } from "../kernel/context.ts";
import { schedule } from "../kernel/schedule.ts";
import { turnOver } from "../mayor/messages.ts";
import { sessionGone } from "./close.ts";
import { endSession } from "./end.ts";
import { tellOfKept, withKept } from "./kept-work.ts";
import { markRunning, renewLease, touch } from "./lease.ts";
import { noteLogs } from "./logs.ts";
import { modelIsThere } from "./model-gone.ts";
import { sessionRow, type SessionRow } from "./session-row.ts";
import { unsavedIsSaved } from "./unsaved-work.ts";

/** The live session at that epoch, or undefined. */
function current(ctx: Ctx, sessionId: string, epoch: number): SessionRow | undefined {
  const session = sessionRow(ctx, sessionId);
  return session && session.state !== "ended" && session.epoch === epoch ? session : undefined;
}

export interface StatusFact {
  sessionId: string;
  epoch: number;
  phase: string;
  text?: string | undefined;
  conversationId?: string | undefined;
}

export function sessionStatus(ctx: Ctx, fact: StatusFact): void {
  const session = current(ctx, fact.sessionId, fact.epoch);
  if (!session) return;
  ctx.sql.run(
    "update sessions set phase = ?, conversation_id = coalesce(?, conversation_id), last_event_at = ? where id = ?",
    fact.phase,
    fact.conversationId ?? null,
    ctx.now,
    session.id,
  );
  renewLease(ctx, session);
  if (fact.phase !== "first_turn" || session.state !== "starting") return;
  modelIsThere(ctx, session);
  unsavedIsSaved(ctx, session.agent_id);
  if (session.role === "mayor") {
    ctx.sql.run("update sessions set waiting_since = ? where id = ?", ctx.now, session.id);
    schedule(ctx, "mayor", "mayor");
  }
  markRunning(ctx, session);
}

/** The agent is gone and its work saved. Also after the end, where it says only where that is. */
export function sessionEnded(ctx: Ctx, sessionId: string, ended: SessionEnded): void {
  const session = sessionRow(ctx, sessionId);
  if (!session || ended.epoch < session.epoch) return;
  recordUsage(ctx, session, ended);
  noteLogs(ctx, session, ended.logs);
  tellOfKept(ctx, session, ended.kept);
  const isNews = session.state !== "ended" || ended.work_ref !== session.work_ref;
  if (ended.work_ref !== null && isNews) noteWorkRef(ctx, session, ended.work_ref);
  if (session.state === "ended") {
    sessionGone(ctx, session, ended.work_ref, ended.kept);
    return;
  }
  const outcome = session.stop_requested !== null && ended.outcome !== "evicted" ? "stopped" : ended.outcome;
  endSession(ctx, session, {
    outcome,
    reason: withKept(ended.reason, ended.kept),
    gone: true,
    workRef: ended.work_ref,
  });
}

function noteWorkRef(ctx: Ctx, session: SessionRow, ref: string): void {
  audit(ctx, {
    kind: "session.work_saved",
    subject: { type: "session", id: session.id },
    beadId: session.bead_id,
    sessionId: session.id,
    text: `Unfinished work is saved as ${ref}`,
    data: { ref },
  });
}

/**
 * It goes on, and what it has is on the remote: where its disk is lost with its runner, it or its next
 * attempt begins from there.
 */
export function sessionSaved(ctx: Ctx, sessionId: string, { epoch, work_ref }: SessionSaved): void {
  const session = current(ctx, sessionId, epoch);
  if (session) ctx.sql.run("update sessions set work_ref = ? where id = ?", work_ref, session.id);
}

/** A turn is over: for the mayor the next message may come. */
export function turnEnded(ctx: Ctx, sessionId: string, turn: TurnEnded): void {
  const session = current(ctx, sessionId, turn.epoch);
  if (!session) return;
  touch(ctx, session.id);
  if (session.role !== "mayor") return;
  ctx.sql.run("update sessions set busy = 0, waiting_since = ? where id = ?", ctx.now, session.id);
  markRunning(ctx, session);
  if (turn.message_id !== null) turnOver(ctx, turn.message_id, turn.stop_reason === "cancelled");
  schedule(ctx, "mayor", "mayor");
}
