/**
 * A runner that is lost again and again (spec/town.md §5, runner). It is replaced three times within
 * half an hour; lost once more, a person is asked and one is tried every half hour, until one has lived
 * for as long. What waits for it meanwhile says so, and is counted for nobody.
 *
 * `runner_losses` are the times of the last half hour. `runner_rest_until` stands while this goes on:
 * until then nothing asks for a runner; afterwards it is when the last one was tried.
 */
import { z } from "zod";
import { audit } from "../audit/audit.ts";
import { wakeDispatchers } from "../dependents.ts";
import { escalate, mootEscalations } from "../escalations/escalations.ts";
import { MINUTE, type Ctx } from "../kernel/context.ts";
import { iso } from "../kernel/iso.ts";
import { fromJson, toJson } from "../kernel/json.ts";
import { reschedule } from "../kernel/schedule.ts";
import { townRow } from "../town-row.ts";
import { roomAgain } from "./room.ts";

const WINDOW = 30 * MINUTE;
const MAX_REPLACEMENTS = 3;
/** Starts that fail one after the other are one failure. */
const START_FAILURES_APART = MINUTE;
/** What the question is about. */
export const RUNNER_LOST = "runner";

const times = z.array(z.number());

/** It ended without having been asked to. */
export function countLoss(ctx: Ctx, why: string): void {
  const recent = recentLosses(ctx);
  const losses = [...recent, ctx.now];
  ctx.sql.run("update town set runner_losses = ? where id = 1", toJson(losses));
  const goesOn = townRow(ctx).runner_rest_until !== null;
  if (!goesOn && losses.length <= MAX_REPLACEMENTS) return;
  rest(ctx, why, losses.length);
}

/** None could be started. */
export function countFailedStart(ctx: Ctx, why: string): void {
  const last = recentLosses(ctx).at(-1);
  if (last === undefined || ctx.now - last >= START_FAILURES_APART) countLoss(ctx, why);
}

function recentLosses(ctx: Ctx): number[] {
  const stored = fromJson(times, townRow(ctx).runner_losses) ?? [];
  return stored.filter((at) => at > ctx.now - WINDOW && at <= ctx.now);
}

/** Until when nothing asks for a runner (epoch ms); null: it may. */
export function restsUntil(ctx: Ctx): number | null {
  const until = townRow(ctx).runner_rest_until;
  return until !== null && until > ctx.now ? until : null;
}

function rest(ctx: Ctx, why: string, count: number): void {
  const until = ctx.now + WINDOW;
  const message = `waits for a runner: it was lost ${count} time${count === 1 ? "" : "s"} within 30 min and is tried again at ${iso(until)}`;
  ctx.sql.run(
    "update town set runner_rest_until = ?, no_room = ?, no_room_at = ? where id = 1",
    until,
    message,
    ctx.now,
  );
  audit(ctx, {
    kind: "runner.restart_exhausted",
    subject: { type: "town", id: ctx.townId },
    reason: "runner_lost",
    text: `The town ${message}`,
    data: { value: count, until },
  });
  escalate(ctx, {
    severity: "high",
    category: "runner_lost",
    subject: RUNNER_LOST,
    title: "The runner of this town is lost again and again",
    body: `${why}\nNothing runs meanwhile; what was saved goes on with the next runner. One is tried every 30 min. The runner's log and \`gastown doctor\` say more: memory, disk, or a program that kills it.`,
    choices: [{ id: "retry", label: "Try again now" }],
    source: {},
  });
  reschedule(ctx, "runner", "runner", until);
  wakeDispatchers(ctx);
}

/** A runner is there, or its host began anew: what waited goes on, and this one is given its time. */
export function endRest(ctx: Ctx): void {
  if (townRow(ctx).runner_rest_until !== null)
    ctx.sql.run("update town set runner_rest_until = ? where id = 1", ctx.now);
  roomAgain(ctx);
}

/** A person says so: it is as if nothing had been lost yet. */
export function tryRunnerAgain(ctx: Ctx): void {
  ctx.sql.run("update town set runner_losses = '[]', runner_rest_until = null where id = 1");
  roomAgain(ctx);
  reschedule(ctx, "runner", "runner", ctx.now);
}

/** With each sign of a runner. */
export function runnerHolds(ctx: Ctx): void {
  const tried = townRow(ctx).runner_rest_until;
  if (tried === null || tried + WINDOW > ctx.now) return;
  ctx.sql.run("update town set runner_losses = '[]', runner_rest_until = null where id = 1");
  mootEscalations(ctx, RUNNER_LOST);
  audit(ctx, {
    kind: "runner.recovered",
    subject: { type: "town", id: ctx.townId },
    text: "The runner has lived for 30 min: it is replaced as usual again",
  });
}
