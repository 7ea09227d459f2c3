/**
 * The circuit breaker (spec/town.md §5): when session after session fails, something is wrong that no
 * further attempt repairs, so nothing but the mayor starts until one probe has shown otherwise.
 *
 *   closed  → open     20 counted failures within 30 min
 *   open    → probing  after 5, 10, 20, 40, 60 min, with the next bead that is ready
 *   probing → closed   the probe ended well, or still runs after 10 min; counting begins anew
 *   probing → open     the probe failed: the next wait is longer
 */
import type { FailureReason, SessionOutcome } from "@gastown/protocol";
import { audit } from "../audit/audit.ts";
import { wakeDispatchers } from "../dependents.ts";
import { escalate, mootEscalations } from "../escalations/escalations.ts";
import { MINUTE, SECOND, type Ctx } from "../kernel/context.ts";
import { iso } from "../kernel/iso.ts";
import { reschedule, unschedule } from "../kernel/schedule.ts";
import type { Row } from "../kernel/sql.ts";
import { tellNotifiers } from "../notify/tell.ts";
import { isRigWide, UNCOUNTED } from "../sessions/refusals.ts";
import type { SessionRow } from "../sessions/session-row.ts";

type BreakerRow = Row & {
  /** Null: closed. */
  opened_at: number | null;
  counted_from: number;
  failures: number;
  probes: number;
  probe_at: number;
  probe_session: string | null;
  probe_bead: string | null;
};

const WINDOW = 30 * MINUTE;
const LIMIT = 20;
const TRIAL = 10 * MINUTE;
const FIRST_WAIT = 5 * MINUTE;
const LONGEST_WAIT = 60 * MINUTE;
/** A probe that says nothing (stopped by a person, refused for a passing cause) is followed by another. */
const AGAIN = 30 * SECOND;
/** Its entity, and the subject of its escalation. */
export const BREAKER = "breaker";

export type BreakerGate =
  | { type: "closed" }
  /** One session may start; not of this bead where there is another. */
  | { type: "probe"; not: string | null }
  | { type: "open"; message: string; until: number | null };

/** What a dispatcher may do now. */
export function breakerGate(ctx: Ctx): BreakerGate {
  const row = breakerRow(ctx);
  if (row.opened_at === null) return { type: "closed" };
  const failed = `${row.failures} sessions failed within 30 min`;
  if (row.probe_session !== null) {
    return { type: "open", message: `${failed}; one is tried now, and its end decides`, until: null };
  }
  if (row.probe_at > ctx.now) {
    return {
      type: "open",
      message: `${failed}; one is tried at ${iso(row.probe_at)}`,
      until: row.probe_at,
    };
  }
  return { type: "probe", not: row.probe_bead };
}

export function breakerProbeStarted(ctx: Ctx, sessionId: string, beadId: string | null): void {
  ctx.sql.run("update breaker set probe_session = ?, probe_bead = ? where id = 1", sessionId, beadId);
  reschedule(ctx, "breaker", BREAKER, ctx.now + TRIAL);
  record(ctx, "breaker.probed", "One session is tried while the breaker is open", { sessionId, beadId });
  wakeDispatchers(ctx);
}

interface End {
  outcome: SessionOutcome;
  reason: FailureReason;
}

/** Every end of a session comes here: it may be the one failure too many, or the probe's. */
export function breakerSawEnd(ctx: Ctx, session: SessionRow, end: End): void {
  const counts = isCounted(ctx, session, end);
  if (counts) ctx.sql.run("update sessions set counted = 1 where id = ?", session.id);
  const row = breakerRow(ctx);
  if (row.probe_session === session.id) return probeEnded(ctx, row, end, counts);
  if (counts && row.opened_at === null) openAtLimit(ctx, row);
}

/**
 * Lost, failed and refused sessions. Not the mayor's (it has a limit of its own), not what counts on
 * a rig, and not the refusals that are nobody's failure.
 */
function isCounted(ctx: Ctx, session: SessionRow, { outcome, reason }: End): boolean {
  if (session.role === "mayor" || reason.code === "push_failed") return false;
  if (outcome === "refused") return !UNCOUNTED.includes(reason.code) && !isRigWide(ctx, session, reason);
  return outcome === "lost" || outcome === "failed";
}

function openAtLimit(ctx: Ctx, row: BreakerRow): void {
  const failures =
    ctx.sql.get<{ n: number }>(
      "select count(*) as n from sessions where counted = 1 and ended_at > ? and ended_at >= ?",
      ctx.now - WINDOW,
      row.counted_from,
    )?.n ?? 0;
  if (failures < LIMIT) return;
  ctx.sql.run(
    `update breaker set opened_at = ?1, failures = ?2, probes = 0, probe_at = ?3, probe_session = null,
       probe_bead = null where id = 1`,
    ctx.now,
    failures,
    ctx.now + FIRST_WAIT,
  );
  reschedule(ctx, "breaker", BREAKER, ctx.now + FIRST_WAIT);
  const seq = record(
    ctx,
    "breaker.opened",
    `${failures} sessions failed within 30 min: nothing new starts for now`,
    { value: failures, window: WINDOW },
  );
  tellNotifiers(ctx, { event: "breaker.opened", severity: "high", seq });
  escalate(ctx, {
    severity: "high",
    category: "breaker_open",
    subject: BREAKER,
    title: `${failures} sessions failed within 30 min, so nothing new starts`,
    body: "After 5 min one session is tried; when it ends well, or still runs after 10 min, work goes on by itself. gastown session list shows why the others failed.",
    choices: [{ id: "resume", label: "Start work again now" }],
    source: {},
  });
  wakeDispatchers(ctx);
}

function probeEnded(ctx: Ctx, row: BreakerRow, end: End, failed: boolean): void {
  const silent = end.outcome === "stopped" || end.outcome === "evicted" || end.outcome === "refused";
  if (!failed && !silent) return close(ctx, `the probe ended (${end.outcome.replace("_", " ")})`);
  const probes = row.probes + (failed ? 1 : 0);
  const wait = failed ? Math.min(FIRST_WAIT * 2 ** Math.min(probes, 10), LONGEST_WAIT) : AGAIN;
  ctx.sql.run(
    "update breaker set probes = ?, probe_at = ?, probe_session = null where id = 1",
    probes,
    ctx.now + wait,
  );
  reschedule(ctx, "breaker", BREAKER, ctx.now + wait);
  wakeDispatchers(ctx);
}

function close(ctx: Ctx, why: string): void {
  ctx.sql.run(
    `update breaker set opened_at = null, counted_from = ?, failures = 0, probes = 0, probe_session = null,
       probe_bead = null where id = 1`,
    ctx.now,
  );
  unschedule(ctx, "breaker", BREAKER);
  record(ctx, "breaker.closed", `Sessions start again: ${why}`, {});
  mootEscalations(ctx, BREAKER);
  wakeDispatchers(ctx);
}

/** A person has repaired the cause. */
export function resumeBreaker(ctx: Ctx): void {
  if (breakerRow(ctx).opened_at !== null) close(ctx, `${ctx.actor.name} said so`);
}

/** Due when a probe may start, and when one has run long enough. */
export function breakerController(ctx: Ctx): number | null {
  const row = breakerRow(ctx);
  if (row.opened_at === null) return null;
  if (row.probe_session === null) {
    if (row.probe_at > ctx.now) return row.probe_at;
    wakeDispatchers(ctx);
    return null;
  }
  const began =
    ctx.sql.get<{ at: number }>("select started_at as at from sessions where id = ?", row.probe_session)
      ?.at ?? 0;
  if (began + TRIAL > ctx.now) return began + TRIAL;
  close(ctx, "the probe still runs after 10 min");
  return null;
}

export function breakerState(ctx: Ctx): { open: boolean; probeAt?: string } {
  const row = breakerRow(ctx);
  if (row.opened_at === null) return { open: false };
  return { open: true, ...(row.probe_session === null ? { probeAt: iso(row.probe_at) } : {}) };
}

function breakerRow(ctx: Ctx): BreakerRow {
  const row = ctx.sql.get<BreakerRow>("select * from breaker where id = 1");
  if (!row) throw new Error("the breaker's row is missing");
  return row;
}

function record(ctx: Ctx, kind: string, text: string, data: Record<string, unknown>): number {
  return audit(ctx, { kind, subject: { type: "town", id: ctx.townId }, text, data });
}
