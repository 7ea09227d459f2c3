/** A live session: its lease, its deadline, and the end of patience with a silent agent. */
import { SECOND, type Ctx } from "../kernel/context.ts";
import { enqueue } from "../outbox/outbox.ts";
import { endSession } from "../sessions/end.ts";
import { sessionRow, type SessionRow } from "../sessions/session-row.ts";
import { denyOverdue } from "../sessions/permissions.ts";
import { requestStop } from "../sessions/stop.ts";
import { nextLook } from "../sessions/lease.ts";
import { patienceEnds, quietDueAt } from "../sessions/quiet.ts";

/** How long a runner may stay unreachable when it is asked for a session of which nothing was heard. */
const ASK_LIMIT = 30 * SECOND;

export function sessionController(ctx: Ctx, id: string): number | null {
  const session = sessionRow(ctx, id);
  if (!session || session.state === "ended") return null;
  if (session.lease_expires_at <= ctx.now) return expired(ctx, session);
  if (session.stop_requested !== null) return stopping(ctx, session);
  if (session.state === "settling" && session.deadline !== null && session.deadline <= ctx.now) {
    return lost(ctx, session, "its work could not be settled within 10 min");
  }
  denyOverdue(ctx, session.id);
  const quietUntil = quietDueAt(ctx, sessionRow(ctx, id) ?? session);
  if (quietUntil !== null && quietUntil <= ctx.now && patienceEnds(ctx, session)) {
    requestStop(ctx, session, "now", "the agent has been silent for two hours");
  }
  return nextLook(ctx, sessionRow(ctx, id) ?? session);
}

/**
 * Nothing was heard for 90 s. A start that nobody answered is lost; of what did run its runner is asked
 * once, and when that cannot be reached either, it is lost 30 s later (spec/town.md §5).
 */
function expired(ctx: Ctx, session: SessionRow): number | null {
  const until = session.lease_expires_at + ASK_LIMIT;
  if (session.state === "starting") return lost(ctx, session, "no sign of it came within 90 s of its start");
  if (session.stop_requested !== null) return lost(ctx, session, "nothing was heard of it for 90 s");
  if (until <= ctx.now)
    return lost(ctx, session, "nothing was heard of it for 90 s, and its runner could not be asked");
  enqueue(ctx, {
    kind: "check_session",
    subject: session.id,
    key: `check:${session.id}:${session.lease_expires_at}`,
    giveUpAt: until,
  });
  return until;
}

function lost(ctx: Ctx, session: SessionRow, message: string): null {
  endSession(ctx, session, {
    outcome: session.stop_requested === null ? "lost" : "stopped",
    reason: { code: session.stop_requested === null ? "lease_expired" : "stopped", message },
    gone: false,
  });
  return null;
}

function stopping(ctx: Ctx, session: SessionRow): number | null {
  if (session.deadline === null || session.deadline > ctx.now) {
    return Math.min(session.lease_expires_at, session.deadline ?? Infinity);
  }
  endSession(ctx, session, {
    outcome: "stopped",
    reason: { code: "stopped", message: "it did not stop within 10 min" },
    gone: false,
  });
  return null;
}
