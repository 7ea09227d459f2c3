/** Starts a mayor when there is something to say to it, and gives it the next message. */
import { hardDayUntil } from "../budgets/budgets.ts";
import { failureReason } from "@gastown/protocol";
import { settings } from "../config/store.ts";
import { escalate } from "../escalations/escalations.ts";
import { attemptBackoff, type Ctx } from "../kernel/context.ts";
import { isBetweenTurns, mayStart } from "../mayor/decision.ts";
import { inDelivery, markDelivered, nextQueued, type MessageRow } from "../mayor/messages.ts";
import { liveMayor } from "../mayor/past.ts";
import { notePrewarm } from "../mayor/prewarm.ts";
import { mayorIdleTime } from "../runner/give-way.ts";
import { enqueue, underWay } from "../outbox/outbox.ts";
import { fromJson } from "../kernel/json.ts";
import { endSession } from "../sessions/end.ts";
import { isPassing } from "../sessions/refusals.ts";
import type { SessionRow } from "../sessions/session-row.ts";
import { SETTINGS } from "../sessions/settings-changed.ts";
import { startMayor } from "../sessions/start.ts";
import { townRow } from "../town-row.ts";

const MAX_FAILURES = 5;
const FAILED = ["refused", "lost", "failed"];

export function mayorController(ctx: Ctx): number | null {
  const session = liveMayor(ctx);
  const next = nextQueued(ctx);
  const spentUntil = next ? hardDayUntil(ctx) : null;
  if (spentUntil !== null) return spentUntil;
  if (!session) return next ? start(ctx) : null;
  // A start that fails must not count as a turn that was cut off: nothing is given to it before.
  if (session.stop_requested !== null || session.state === "starting") return null;
  const current = inDelivery(ctx);
  // One at a time; only what is for now is given beside the turn that it ends.
  if (current && (next?.mode !== "now" || current.mode === "now")) return null;
  // Settings that changed reach the runner first: what was said after them is done with them.
  if (underWay(ctx, "sync_config", SETTINGS)) return null;
  if (isOfAnotherRuntime(ctx, session)) return replace(ctx, session);
  if (next) return deliver(ctx, session, next);
  return restAfter(ctx, session);
}

function isOfAnotherRuntime(ctx: Ctx, session: SessionRow): boolean {
  return isBetweenTurns(ctx, session) && settings(ctx, null).role_runtimes.mayor !== session.runtime;
}

/** No runtime can take up another one's conversation: the next session is told what was said. */
function replace(ctx: Ctx, session: SessionRow): null {
  endSession(ctx, session, {
    outcome: "completed",
    reason: { code: "replaced", message: "the mayor's runtime was changed" },
    gone: false,
  });
  return null;
}

function deliver(ctx: Ctx, session: SessionRow, message: MessageRow): null {
  markDelivered(ctx, message, session.id);
  if (session.prewarmed === 1) notePrewarm(ctx, session, "used");
  ctx.sql.run("update sessions set busy = 1, waiting_since = null where id = ?", session.id);
  enqueue(ctx, {
    kind: "message_session",
    subject: session.id,
    key: `message:${message.id}:${message.deliveries + 1}`,
    payload: { messageId: message.id },
  });
  return null;
}

function start(ctx: Ctx): number | null {
  if (!mayStart(ctx)) return null;
  const failed = failuresSince(ctx, townRow(ctx).mayor_asked_at);
  if (failed.count >= MAX_FAILURES) {
    escalate(ctx, {
      severity: "high",
      category: "mayor_unavailable",
      subject: "mayor",
      title: "The mayor could not be started",
      body: "Five starts failed. gastown session list shows why; gastown doctor checks the runtime. Your message is kept; the next one, or a change of settings, tries again.",
      source: {},
    });
    return null;
  }
  const afterFailures = failed.count === 0 ? ctx.now : failed.lastAt + attemptBackoff(failed.count);
  const earliest = Math.max(afterFailures, townRow(ctx).mayor_rest_until);
  if (earliest > ctx.now) return earliest;
  startMayor(ctx);
  return null;
}

/**
 * Failed sessions in a row since it was last asked for: a newer wish begins a new count. A start for
 * which there was no room is not one of them.
 */
function failuresSince(ctx: Ctx, at: number): { count: number; lastAt: number } {
  const rows = ctx.sql
    .all<{ outcome: string | null; reason: string | null; ended_at: number | null }>(
      `select outcome, reason, ended_at from sessions where role = 'mayor' and started_at >= ?
       order by started_at desc, id desc limit ?`,
      at,
      5 * MAX_FAILURES,
    )
    .filter(({ outcome, reason }) => outcome !== "refused" || !isUncounted(reason));
  const good = rows.findIndex((row) => !FAILED.includes(row.outcome ?? ""));
  const count = good === -1 ? rows.length : good;
  return { count, lastAt: rows[0]?.ended_at ?? 0 };
}

function isUncounted(reason: string | null): boolean {
  const refusal = fromJson(failureReason, reason);
  return refusal !== null && isPassing(refusal);
}

/** A mayor that nobody has talked to for a while is let go; the conversation stays (idle costs nothing). */
function restAfter(ctx: Ctx, session: SessionRow): number | null {
  if (session.waiting_since === null) return null;
  const until = session.waiting_since + mayorIdleTime(ctx, session);
  if (until > ctx.now) return until;
  endSession(ctx, session, {
    outcome: "completed",
    reason: { code: "idle", message: "nobody has talked to the mayor for a while" },
    gone: false,
  });
  return null;
}
