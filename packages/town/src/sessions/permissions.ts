/**
 * Permission requests of agents that a person decides (spec/runner.md §4, spec/api.md §3.16): each is a row and
 * an escalation.
 *
 *   pending → allow, deny   a person chose, once or for this session; after a day nobody has: deny
 *   pending → withdrawn     its turn, its session or its runner is over: nobody waits for the answer
 *
 * A tool that was allowed for a session is allowed there at once.
 */
import { GastownError } from "@gastown/protocol";
import type { HeartbeatAnswer, HeartbeatRequest, PermissionAnswer, PermissionAsked } from "@gastown/protocol";
import { audit } from "../audit/audit.ts";
import { escalate, mootEscalations } from "../escalations/escalations.ts";
import { HOUR, type Ctx } from "../kernel/context.ts";
import { schedule } from "../kernel/schedule.ts";
import type { Row } from "../kernel/sql.ts";
import { enqueue } from "../outbox/outbox.ts";
import { sessionRow, type SessionRow } from "./session-row.ts";

export type PermissionRow = Row & {
  session_id: string;
  request_id: string;
  tool: string;
  title: string;
  decision: "pending" | "allow" | "deny" | "withdrawn";
  /** `session`: holds for every later request of that tool in this session. */
  scope: "once" | "session";
  escalation_id: string | null;
  asked_at: number;
};

/** How long a person may take; then the answer is no. */
const PATIENCE = 24 * HOUR;
const PREFIX = "permission:";

/** Throws `session_fenced` unless the session is live at that epoch. */
export function askPermission(ctx: Ctx, sessionId: string, asked: PermissionAsked): PermissionAnswer {
  const session = sessionRow(ctx, sessionId);
  if (!session || session.state === "ended" || session.epoch !== asked.epoch)
    throw new GastownError("session_fenced", "This session is over, or a newer one has taken its place.");
  const known = permissionRow(ctx, sessionId, asked.request_id);
  if (known) return answerOf(known);
  const standing = ctx.sql.get(
    "select 1 from permissions where session_id = ? and tool = ? and scope = 'session' and decision = 'allow' limit 1",
    sessionId,
    asked.tool,
  );
  const escalationId = standing === undefined ? question(ctx, session, asked) : null;
  ctx.sql.run(
    `insert into permissions (session_id, request_id, tool, title, decision, scope, escalation_id, asked_at)
     values (?, ?, ?, ?, ?, 'once', ?, ?)`,
    sessionId,
    asked.request_id,
    asked.tool,
    asked.title,
    standing === undefined ? "pending" : "allow",
    escalationId,
    ctx.now,
  );
  record(ctx, session, "session.permission_asked", `The agent asks for permission: ${asked.title}`, {
    tool: asked.tool,
    decision: standing === undefined ? "pending" : "allow",
  });
  schedule(ctx, "session", sessionId);
  return escalationId === null ? { decision: "allow" } : { decision: "pending", escalation_id: escalationId };
}

function question(ctx: Ctx, session: SessionRow, asked: PermissionAsked): string {
  const agent = ctx.sql.get<{ name: string }>("select name from agents where id = ?", session.agent_id);
  return escalate(ctx, {
    severity: "high",
    category: "permission",
    subject: `${PREFIX}${session.id}:${asked.request_id}`,
    title: `${agent?.name ?? session.role} asks for permission: ${asked.title}`.slice(0, 300),
    body: `${asked.tool}: ${asked.title}\n\n${asked.detail}\n\nIts agent waits for the answer; without one within a day it is not allowed.`,
    choices: [
      { id: "allow_once", label: "Allow it once" },
      { id: "allow_session", label: `Allow "${asked.tool}" for this session` },
      { id: "deny", label: "Do not allow it" },
    ],
    source: {
      rigId: session.rig_id ?? undefined,
      beadId: session.bead_id ?? undefined,
      sessionId: session.id,
    },
  });
}

function permissionRow(ctx: Ctx, sessionId: string, requestId: string): PermissionRow | undefined {
  return ctx.sql.get<PermissionRow>(
    "select * from permissions where session_id = ? and request_id = ?",
    sessionId,
    requestId,
  );
}

function answerOf({ decision, escalation_id }: PermissionRow): PermissionAnswer {
  if (decision === "pending" && escalation_id !== null) return { decision, escalation_id };
  return { decision: decision === "allow" ? "allow" : "deny" };
}

export function isPermission(subject: string): boolean {
  return subject.startsWith(PREFIX);
}

/** What a person chose about an escalation of this subject; whatever does not allow denies. */
export function decidePermission(ctx: Ctx, subject: string, choice: string): void {
  const [sessionId = "", requestId = ""] = subject.slice(PREFIX.length).split(":");
  const row = permissionRow(ctx, sessionId, requestId);
  if (row?.decision !== "pending") return;
  const scope = choice === "allow_session" ? "session" : "once";
  decide(ctx, row, choice.startsWith("allow_") ? "allow" : "deny", scope);
}

function decide(
  ctx: Ctx,
  row: PermissionRow,
  decision: "allow" | "deny",
  scope: PermissionRow["scope"],
): void {
  ctx.sql.run(
    "update permissions set decision = ?, scope = ? where session_id = ? and request_id = ?",
    decision,
    scope,
    row.session_id,
    row.request_id,
  );
  const session = sessionRow(ctx, row.session_id);
  if (!session || session.state === "ended") return;
  // The silence until now was the person's; patience with the agent begins anew.
  ctx.sql.run("update sessions set last_event_at = ? where id = ?", ctx.now, session.id);
  const text = `${ctx.actor.name} ${decision === "allow" ? "allows" : "does not allow"}: ${row.title}`;
  record(ctx, session, "session.permission_decided", text, { tool: row.tool, decision, scope });
  schedule(ctx, "session", session.id);
  enqueue(ctx, { kind: "poke_session", subject: session.id, key: `poke:${session.id}:${row.request_id}` });
}

/** One that waits, the oldest; undefined: none does. */
export function pendingPermission(ctx: Ctx, sessionId: string): PermissionRow | undefined {
  return ctx.sql.get<PermissionRow>(
    "select * from permissions where session_id = ? and decision = 'pending' order by asked_at limit 1",
    sessionId,
  );
}

/** When nobody may answer it any more (epoch ms). */
export function permissionDueAt({ asked_at }: PermissionRow): number {
  return asked_at + PATIENCE;
}

/** Those that nobody has answered in time are denied. */
export function denyOverdue(ctx: Ctx, sessionId: string): void {
  for (;;) {
    const row = pendingPermission(ctx, sessionId);
    if (!row || permissionDueAt(row) > ctx.now) return;
    decide(ctx, row, "deny", "once");
    mootEscalations(ctx, `${PREFIX}${sessionId}:${row.request_id}`);
  }
}

/** Nobody waits for the answer any more: of one, or of all that the session had asked. */
export function withdrawPermissions(ctx: Ctx, sessionId: string, requestId?: string): void {
  const rows = ctx.sql.all<PermissionRow>(
    "select * from permissions where session_id = ? and decision = 'pending'",
    sessionId,
  );
  for (const row of rows.filter(({ request_id }) => requestId === undefined || request_id === requestId)) {
    ctx.sql.run(
      "update permissions set decision = 'withdrawn' where session_id = ? and request_id = ?",
      sessionId,
      row.request_id,
    );
    mootEscalations(ctx, `${PREFIX}${sessionId}:${row.request_id}`);
  }
  if (rows.length > 0) schedule(ctx, "session", sessionId);
}

/** Decisions about what the runner says that its sessions wait for. */
export function decisionsFor(
  ctx: Ctx,
  sessions: HeartbeatRequest["sessions"],
): NonNullable<HeartbeatAnswer["permissions"]> {
  return sessions.flatMap(({ session_id, permissions }) =>
    (permissions ?? []).flatMap((request_id) => {
      const row = permissionRow(ctx, session_id, request_id);
      // It may still be on its way.
      if (!row || row.decision === "pending") return [];
      return [
        {
          session_id,
          request_id,
          decision: row.decision === "allow" ? ("allow" as const) : ("deny" as const),
        },
      ];
    }),
  );
}

function record(
  ctx: Ctx,
  session: SessionRow,
  kind: string,
  text: string,
  data: Record<string, unknown>,
): void {
  audit(ctx, {
    kind,
    subject: { type: "session", id: session.id },
    beadId: session.bead_id,
    rigId: session.rig_id,
    agentId: session.agent_id,
    sessionId: session.id,
    text,
    data,
  });
}
