/**
 * The runner: wanted while something lives in it or has to start, let go of when nothing has been
 * wanted for a while (spec/town.md §5). Whether it lives is the host's question; ours is only when to ask.
 */
import { MINUTE, SECOND, type Ctx } from "../kernel/context.ts";
import { audit } from "../audit/audit.ts";
import { wakeDispatchers } from "../dependents.ts";
import { reschedule, schedule } from "../kernel/schedule.ts";
import { enqueue, WITHOUT_RUNNER_SQL } from "../outbox/outbox.ts";
import { effectForRunner, idleSince, runnerIdleTime } from "../runner/give-way.ts";
import { runnerHolds } from "../runner/replacements.ts";
import { askAgainAt, roomAgain } from "../runner/room.ts";
import { townRow } from "../town-row.ts";

/** A heartbeat is sent every 30 s; later than this the runner is looked after. */
const HEARTBEAT_LATE = 45 * SECOND;

export function runnerController(ctx: Ctx): number | null {
  const askAgain = askAgainAt(ctx);
  if (askAgain !== null && askAgain > ctx.now) return askAgain;
  roomAgain(ctx);
  const town = townRow(ctx);
  const wanted = isWanted(ctx);
  const seen = town.runner_seen_at;
  if (town.runner_draining === 1) return draining(ctx, seen);
  if (!wanted) return seen === null ? null : stopWhenIdle(ctx);
  ctx.sql.run("update town set runner_wanted_at = ? where id = 1", ctx.now);
  const late = seen === null ? ctx.now : seen + HEARTBEAT_LATE;
  if (late > ctx.now) return late;
  enqueue(ctx, { kind: "ensure_runner", subject: "runner", key: "runner:ensure" });
  return ctx.now + HEARTBEAT_LATE;
}

/**
 * Nothing is asked of a runner that goes. Its last word may be lost (no host was there to hear it), so
 * one that is not heard of any more is gone: else nothing would ever start again.
 */
function draining(ctx: Ctx, seen: number | null): number | null {
  const silentAt = (seen ?? 0) + HEARTBEAT_LATE;
  if (silentAt > ctx.now) return silentAt;
  runnerIsGone(ctx, "runner.lost", "The runner is gone: it was leaving and is not heard of any more");
  return null;
}

/** Nothing keeps a start back any more, and what still needs a runner asks for one at once. */
export function runnerIsGone(ctx: Ctx, kind: "runner.drained" | "runner.lost", text: string): void {
  ctx.sql.run("update town set runner_seen_at = null, runner_draining = 0 where id = 1");
  audit(ctx, { kind, subject: { type: "town", id: ctx.townId }, text });
  reschedule(ctx, "runner", "runner", ctx.now);
  wakeStarters(ctx);
}

/** Whoever starts sessions looks again: the dispatchers and the mayor's own. */
export function wakeStarters(ctx: Ctx): void {
  wakeDispatchers(ctx);
  schedule(ctx, "mayor", "mayor");
}

/**
 * By a live session, or by work that a runner has in hand: should that runner die, nobody would ever
 * answer. What is only pending brings a runner by itself.
 */
function isWanted(ctx: Ctx): boolean {
  const one = ctx.sql.get<{ id: string }>(
    `select id from sessions where state <> 'ended'
     union all
     select id from outbox where state in ('running', 'accepted') and kind not in ('ensure_runner', 'stop_runner', ${WITHOUT_RUNNER_SQL})
     limit 1`,
  );
  return one !== undefined;
}

function stopWhenIdle(ctx: Ctx): number | null {
  if (effectForRunner(ctx)) return ctx.now + MINUTE;
  const until = idleSince(ctx) + runnerIdleTime(ctx);
  if (until > ctx.now) return until;
  enqueue(ctx, { kind: "stop_runner", subject: "runner", key: "runner:stop" });
  ctx.sql.run("update town set runner_seen_at = null where id = 1");
  return null;
}

/** A heartbeat or registration: it lives. */
export function runnerSeen(ctx: Ctx): void {
  ctx.sql.run("update town set runner_seen_at = ? where id = 1", ctx.now);
  runnerHolds(ctx);
  schedule(ctx, "runner", "runner", ctx.now + HEARTBEAT_LATE);
}
