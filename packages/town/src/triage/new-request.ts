import { audit } from "../audit/audit.ts";
import type { Ctx } from "../kernel/context.ts";
import { schedule } from "../kernel/schedule.ts";
import type { SessionRow } from "../sessions/session-row.ts";

export interface NewRequest {
  /** The question that it is about; null: the silence of the session. */
  escalationId: string | null;
  /** What is known, for whoever judges. */
  text: string;
  /** The line for people. */
  told: string;
}

/** Puts something about a session before triage (spec/town.md §5, triage). */
export function addRequest(ctx: Ctx, session: SessionRow, { escalationId, text, told }: NewRequest): void {
  const id = ctx.id("triage");
  ctx.sql.run(
    `insert into triage_requests (id, session_id, epoch, seen_at, bead_id, agent_id, rig_id, escalation_id, text, state, created_at)
     values (?, ?, ?, ?, ?, ?, ?, ?, ?, 'open', ?)`,
    id,
    session.id,
    session.epoch,
    session.last_event_at,
    session.bead_id,
    session.agent_id,
    session.rig_id,
    escalationId,
    text,
    ctx.now,
  );
  audit(ctx, {
    kind: "triage.requested",
    subject: { type: "session", id: session.id },
    sessionId: session.id,
    agentId: session.agent_id,
    beadId: session.bead_id,
    rigId: session.rig_id,
    text: told,
    data: { requestId: id, ...(escalationId === null ? {} : { escalationId }) },
  });
  schedule(ctx, "triage", "triage");
}
