/**
 * Questions of polecats and refineries that triage looks at before anybody else (spec/town.md §5,
 * "routed escalations"; ⚙ `escalations.assign_to`). Until it hands one on, neither the mayor nor a
 * notifier hears of it; the bumps of every escalation still come, so that none is forgotten there.
 */
import type { Severity } from "@gastown/protocol";
import { audit } from "../audit/audit.ts";
import { settings } from "../config/settings.ts";
import { escalationRow, SEVERITIES, type EscalationRow } from "../escalations/escalations.ts";
import type { Ctx } from "../kernel/context.ts";
import { schedule } from "../kernel/schedule.ts";
import { tellNotifiers } from "../notify/tell.ts";
import type { SessionRow } from "../sessions/session-row.ts";
import { addRequest } from "./new-request.ts";

/** Whether a question of that session goes to triage first. What triage itself or the mayor asks never does. */
export function isForTriage(ctx: Ctx, session: SessionRow, severity: Severity): boolean {
  const asker = session.role === "polecat" || session.role === "refinery";
  return asker && severity !== "critical" && settings(ctx, null).escalations.assign_to === "triage";
}

/** Puts an escalation before triage, on top of the requests that silence may raise. */
export function askTriageAbout(ctx: Ctx, escalationId: string, session: SessionRow): void {
  const row = escalationRow(ctx, escalationId);
  if (!row) return;
  addRequest(ctx, session, {
    escalationId,
    text: describe(ctx, session, row),
    told: `Triage looks at a question first: ${row.title}`,
  });
}

function describe(ctx: Ctx, session: SessionRow, row: EscalationRow): string {
  const agent = ctx.sql.get<{ name: string }>("select name from agents where id = ?", session.agent_id);
  const bead = ctx.sql.get<{ title: string; body: string }>(
    "select title, body from beads where id = ?",
    session.bead_id,
  );
  return [
    `${agent?.name ?? session.agent_id} (${session.role}) asks (${row.severity}, ${row.category}): ${row.title}`,
    row.body,
    ...(bead ? [`Its bead: ${bead.title}\n${bead.body.slice(0, 2_000)}`] : []),
  ]
    .filter((part) => part !== "")
    .join("\n\n");
}

/** Somebody answered it, or looks at it already. */
export function isQuestionOver(ctx: Ctx, escalationId: string): boolean {
  const row = escalationRow(ctx, escalationId);
  return !row || row.open === 0 || row.acknowledged_at !== null;
}

/**
 * Triage does not answer it: the mayor is told now, and with `toPerson` people are too, as of one of
 * severity high at least. What triage thinks of it stands below what the agent asked.
 */
export function handOn(ctx: Ctx, escalationId: string, notes: string, toPerson: boolean): void {
  const row = escalationRow(ctx, escalationId);
  if (!row || row.open === 0 || row.routed_to === null) return;
  const raised = SEVERITIES.indexOf(row.severity) < SEVERITIES.indexOf("high") ? "high" : row.severity;
  const severity = toPerson ? raised : row.severity;
  ctx.sql.run(
    "update escalations set routed_to = null, told = 0, severity = ?, body = ? where bead_id = ?",
    severity,
    `${row.body}\n\nTriage: ${notes}`.trim(),
    escalationId,
  );
  audit(ctx, {
    kind: "escalation.handed_on",
    subject: { type: "bead", id: escalationId },
    reason: row.category,
    text: `Needs a person (${severity}): ${row.title}`,
    data: { severity, category: row.category, to: toPerson ? "person" : "mayor" },
  });
  if (toPerson) tellPeople(ctx, row, severity);
  schedule(ctx, "escalation", escalationId);
}

/** Of its making, which they were not told of. */
function tellPeople(ctx: Ctx, { bead_id, category }: EscalationRow, severity: Severity): void {
  const made = ctx.sql.get<{ seq: number }>(
    "select seq from audit where subject_id = ? and kind = 'escalation.created'",
    bead_id,
  );
  if (made) tellNotifiers(ctx, { event: "escalation.created", severity, seq: made.seq, category });
}
