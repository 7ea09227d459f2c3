/**
 * Other towns wait for a place on this host, and this one has a runner (spec/runner.md §1
 * `at_capacity`): one with nothing to do gives it up now instead of after its idle time, one that is
 * at work as soon as that is over.
 */
import { settings } from "../config/store.ts";
import { MINUTE, SECOND, type Ctx } from "../kernel/context.ts";
import { schedule } from "../kernel/schedule.ts";
import { nextQueued } from "../mayor/messages.ts";
import { liveMayor } from "../mayor/past.ts";
import { isBetweenTurns } from "../mayor/decision.ts";
import { WITHOUT_RUNNER_SQL } from "../outbox/outbox.ts";
import type { SessionRow } from "../sessions/session-row.ts";
import { townRow } from "../town-row.ts";

/** Who waits asks again every five minutes: a wish that was not repeated is over. */
const WANTED_FOR = 10 * MINUTE;
/** What follows from the last thing that ended begins in this time. */
const RUNNER_IDLE = 5 * SECOND;
/** A person who talks to the mayor is given so long to answer it. */
const MAYOR_IDLE = MINUTE;

export function giveWay(ctx: Ctx): boolean {
  ctx.sql.run("update town set room_wanted_at = ? where id = 1", ctx.now);
  schedule(ctx, "mayor", "mayor");
  schedule(ctx, "runner", "runner");
  return hasRunner(ctx) && !hasWork(ctx) && idleSince(ctx) + runnerIdleTime(ctx) <= ctx.now;
}

/** When it was last wanted, for a session or for other work; or when it was there, where never. */
export function idleSince(ctx: Ctx): number {
  const { runner_wanted_at: wantedAt, runner_seen_at: seen } = townRow(ctx);
  const lastEnd = ctx.sql.get<{ at: number | null }>("select max(ended_at) as at from sessions")?.at ?? 0;
  return Math.max(lastEnd, wantedAt ?? 0) || (seen ?? ctx.now);
}

function isRoomWanted(ctx: Ctx): boolean {
  const at = townRow(ctx).room_wanted_at;
  return at !== null && at + WANTED_FOR > ctx.now;
}

/** Another runner of this town has begun: who still waits asks again. */
export function nobodyWaits(ctx: Ctx): void {
  ctx.sql.run("update town set room_wanted_at = null where id = 1");
}

/** How long a runner may wait for anything at all, in milliseconds. */
export function runnerIdleTime(ctx: Ctx): number {
  return isRoomWanted(ctx) ? Math.min(usualIdleTime(ctx), RUNNER_IDLE) : usualIdleTime(ctx);
}

/** How long a mayor may wait for words, in milliseconds; one that nobody has talked to may not. */
export function mayorIdleTime(ctx: Ctx, { prewarmed }: SessionRow): number {
  if (!isRoomWanted(ctx)) return usualIdleTime(ctx);
  return prewarmed === 1 ? 0 : Math.min(usualIdleTime(ctx), MAYOR_IDLE);
}

function usualIdleTime(ctx: Ctx): number {
  return settings(ctx, null).runner.idle_stop_minutes * MINUTE;
}

/** Something ended: where others wait, that may have been the last. */
export function maybeLast(ctx: Ctx): void {
  if (isRoomWanted(ctx)) schedule(ctx, "runner", "runner");
}

/**
 * What a runner has or will have to do; what only tidies up after a session is done by its end as
 * well.
 */
export function effectForRunner(ctx: Ctx): boolean {
  return (
    ctx.sql.get<{ id: string }>(
      `select id from outbox where state in ('pending', 'running', 'accepted')
         and kind not in ('stop_runner', 'stop_session', ${WITHOUT_RUNNER_SQL}) limit 1`,
    ) !== undefined
  );
}

function hasRunner(ctx: Ctx): boolean {
  const { runner_seen_at, runner_draining } = townRow(ctx);
  return runner_seen_at !== null && runner_draining === 0;
}

function hasWork(ctx: Ctx): boolean {
  const mayor = liveMayor(ctx);
  const other = ctx.sql.get<{ id: string }>(
    "select id from sessions where state <> 'ended' and id <> ? limit 1",
    mayor?.id ?? "",
  );
  if (other || effectForRunner(ctx) || nextQueued(ctx)) return true;
  if (!mayor) return false;
  const rests = isBetweenTurns(ctx, mayor) && mayor.waiting_since !== null;
  return !rests || (mayor.waiting_since ?? 0) + mayorIdleTime(ctx, mayor) > ctx.now;
}
