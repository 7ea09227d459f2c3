/**
 * The loop (spec/town.md §4): apply the inbox, run what is due, say when to come back. One
 * transaction; each row and each controller in its own savepoint; nothing in it waits.
 */
import { settings } from "./config/store.ts";
import { audit } from "./audit/audit.ts";
import { breakerController } from "./breaker/breaker.ts";
import { beadController } from "./controllers/beads.ts";
import { convoyController } from "./controllers/convoys.ts";
import { dispatchController } from "./controllers/dispatch.ts";
import { triageController } from "./controllers/triage.ts";
import { escalationController } from "./controllers/escalations.ts";
import { laneController } from "./controllers/lanes.ts";
import { mayorController } from "./controllers/mayor.ts";
import { mergeController } from "./controllers/merges.ts";
import { runnerController } from "./controllers/runner.ts";
import { sessionController } from "./controllers/sessions.ts";
import { housekeeping } from "./housekeeping.ts";
import { applyInbox, inboxDueAt } from "./inbox/inbox.ts";
import { retryBackoff, SECOND, type Ctx } from "./kernel/context.ts";
import { reschedule, type EntityKind } from "./kernel/schedule.ts";
import type { Row } from "./kernel/sql.ts";
import { claimable, outboxDueAt, requeueOverdue } from "./outbox/outbox.ts";
import { rigController } from "./rigs/rigs.ts";
import { LEASE } from "./sessions/session-row.ts";
import type { TickResult } from "./town.ts";

/** Returns when to look again (epoch ms), or null where an event will say so. */
type Controller = (ctx: Ctx, id: string) => number | null;

const CONTROLLERS: Record<EntityKind, Controller> = {
  bead: beadController,
  dispatch: dispatchController,
  session: sessionController,
  merge: mergeController,
  lane: laneController,
  convoy: convoyController,
  mayor: mayorController,
  rig: rigController,
  escalation: escalationController,
  breaker: breakerController,
  triage: triageController,
  runner: runnerController,
};

/** A tick that comes this much later than wanted means that the machine slept. */
const SLEPT = 30 * SECOND;

type DueRow = Row & { kind: EntityKind; id: string; failures: number };

export function runTick(ctx: Ctx): TickResult {
  return ctx.sql.transaction(() => {
    noticeSleep(ctx);
    requeueOverdue(ctx);
    const { limits } = settings(ctx, null);
    const applied = applyInbox(ctx, limits.tick_batch);
    const ran = runDue(ctx, limits.tick_batch);
    if (applied + ran > 0) housekeeping(ctx);
    const effectsDue = claimable(ctx, limits.parallel_effects).length;
    return { applied, ran, effectsDue, nextWakeAt: nextWakeAt(ctx) };
  });
}

/** A closed lid ends no session: after a gap every lease begins anew (spec/town.md §4, time). */
function noticeSleep(ctx: Ctx): void {
  const wanted = scheduleDueAt(ctx);
  if (wanted !== null && ctx.now - wanted > SLEPT) renewAllLeases(ctx);
}

export function renewAllLeases(ctx: Ctx): void {
  const lease = ctx.now + LEASE;
  const live = ctx.sql.all<{ id: string }>(
    "select id from sessions where state <> 'ended' and lease_expires_at < ?",
    lease,
  );
  for (const { id } of live) {
    ctx.sql.run(
      "update sessions set lease_expires_at = ?, last_event_at = ? where id = ?",
      lease,
      ctx.now,
      id,
    );
    reschedule(ctx, "session", id, lease);
  }
}

function runDue(ctx: Ctx, batch: number): number {
  let ran = 0;
  while (ran < batch) {
    const first = scheduleDueAt(ctx);
    if (first === null || first > ctx.now) break;
    const rows = ctx.sql.all<DueRow>(
      "select kind, id, failures from schedule where due_at <= ? order by due_at limit ?",
      ctx.now,
      Math.min(64, batch - ran),
    );
    for (const row of rows) {
      if (runOne(ctx, row)) ran++;
    }
  }
  return ran;
}

/**
 * Runs one controller. Its row goes first, so that whatever makes the entity due again while it runs
 * is kept. One that throws, or that asks for a time that is not later, backs off alone.
 */
function runOne(ctx: Ctx, row: DueRow): boolean {
  const current = ctx.sql.get<{ due_at: number }>(
    "select due_at from schedule where kind = ? and id = ?",
    row.kind,
    row.id,
  );
  if (!current || current.due_at > ctx.now) return false;
  try {
    ctx.sql.transaction(() => {
      ctx.sql.run("delete from schedule where kind = ? and id = ?", row.kind, row.id);
      const next = CONTROLLERS[row.kind](ctx, row.id);
      if (next === null) return;
      if (next <= ctx.now) throw new Error(`the ${row.kind} controller asked for a time that is not later`);
      ctx.sql.run(
        `insert into schedule (kind, id, due_at) values (?1, ?2, ?3)
         on conflict (kind, id) do update set due_at = min(due_at, excluded.due_at)`,
        row.kind,
        row.id,
        next,
      );
    });
  } catch (error) {
    backOff(ctx, row, error instanceof Error ? error.message : "unknown error");
  }
  return true;
}

function backOff(ctx: Ctx, row: DueRow, message: string): void {
  const failures = row.failures + 1;
  ctx.sql.run(
    "update schedule set due_at = ?, failures = ?, error = ? where kind = ? and id = ?",
    ctx.now + retryBackoff(failures),
    failures,
    message.slice(0, 2_000),
    row.kind,
    row.id,
  );
  if (failures > 1) return;
  audit(ctx, {
    kind: "reconciler.controller_failed",
    subject: { type: "town", id: ctx.townId },
    reason: row.kind,
    text: `Looking after ${row.kind} ${row.id} failed and is tried again: ${message}`,
  });
}

function scheduleDueAt(ctx: Ctx): number | null {
  return ctx.sql.get<{ at: number | null }>("select min(due_at) as at from schedule")?.at ?? null;
}

/** The earliest of schedule, inbox and outbox. */
export function nextWakeAt(ctx: Ctx): number | null {
  const times = [scheduleDueAt(ctx), inboxDueAt(ctx), outboxDueAt(ctx)].filter((at) => at !== null);
  return times.length === 0 ? null : Math.min(...times);
}
