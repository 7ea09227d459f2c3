/** Signs of life: what renews a lease and what makes a session `running` (spec/town.md §5). */
import type { HeartbeatSession } from "@gastown/protocol";
import type { Ctx } from "../kernel/context.ts";
import { recordUsage } from "../budgets/watch.ts";
import { toJson } from "../kernel/json.ts";
import { reschedule, schedule } from "../kernel/schedule.ts";
import { move } from "../status.ts";
import { noteLogs } from "./logs.ts";
import { noteModelWait } from "./model-wait.ts";
import { pendingPermission, permissionDueAt } from "./permissions.ts";
import { quietDueAt } from "./quiet.ts";
import { LEASE, sessionRow, type SessionRow } from "./session-row.ts";

/** Any sign of life from the session's own runner or agent. */
export function renewLease(ctx: Ctx, session: SessionRow): void {
  const lease = ctx.now + LEASE;
  ctx.sql.run("update sessions set lease_expires_at = ? where id = ?", lease, session.id);
  const renewed = sessionRow(ctx, session.id);
  if (renewed) reschedule(ctx, "session", session.id, nextLook(ctx, renewed));
}

/** When a live session must be looked at next, whatever is heard of it meanwhile. */
export function nextLook(ctx: Ctx, session: SessionRow): number {
  const asked = pendingPermission(ctx, session.id);
  return Math.min(
    asked === undefined ? Infinity : permissionDueAt(asked),
    session.lease_expires_at,
    session.deadline ?? Infinity,
    quietDueAt(ctx, session) ?? Infinity,
  );
}

/** An agent that does something is neither stuck nor silent. */
export function touch(ctx: Ctx, sessionId: string): void {
  ctx.sql.run("update sessions set last_event_at = ? where id = ?", ctx.now, sessionId);
}

/** `starting → running`; nothing for a session that is running already. */
export function markRunning(ctx: Ctx, session: SessionRow): void {
  ctx.sql.run("update sessions set prompted = 1 where id = ?", session.id);
  if (session.state !== "starting") return;
  move(ctx, {
    machine: "session",
    id: session.id,
    from: "starting",
    to: "running",
    event: {
      kind: "session.started",
      subject: { type: "session", id: session.id },
      beadId: session.bead_id,
      rigId: session.rig_id,
      agentId: session.agent_id,
      sessionId: session.id,
      text: `${session.role} session is running`,
      data: { readyToPromptMs: ctx.now - session.started_at },
    },
  });
}

/** One session's line of a heartbeat. */
export function heartbeat(ctx: Ctx, session: SessionRow, beat: HeartbeatSession): void {
  const busy = beat.state === "busy" || beat.state === "settling" ? 1 : 0;
  ctx.sql.run(
    `update sessions set busy = ?1, active_tools = ?2, last_event_at = max(last_event_at, ?3)
       where id = ?4`,
    session.role === "mayor" ? session.busy : busy,
    toJson(beat.active_tools),
    Math.min(beat.last_event_at ?? 0, ctx.now),
    session.id,
  );
  noteModelWait(ctx, session, beat.waiting_for_model);
  noteLogs(ctx, session, beat.logs);
  recordUsage(ctx, session, beat);
  renewLease(ctx, session);
  const open =
    beat.prompted || (session.role === "mayor" && (beat.state === "idle" || beat.state === "busy"));
  if (session.state === "starting" && open) {
    markRunning(ctx, session);
    if (session.role === "mayor") schedule(ctx, "mayor", "mayor");
  }
}
