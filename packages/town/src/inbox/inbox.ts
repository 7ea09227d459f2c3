/**
 * Facts that arrived: stored at once, applied in order by the tick, each in its own savepoint. One
 * that throws is tried again with backoff and is a dead letter after five (spec/town.md §4).
 */
import { audit } from "../audit/audit.ts";
import { maybeLast } from "../runner/give-way.ts";
import { runnerGone, setDraining } from "../runner/register.ts";
import { restsUntil } from "../runner/replacements.ts";
import { roomAgain } from "../runner/room.ts";
import { retryBackoff, type Ctx } from "../kernel/context.ts";
import { toJson } from "../kernel/json.ts";
import type { Row } from "../kernel/sql.ts";
import { effectAnswered, effectSettled } from "../outbox/results.ts";
import { sessionEnded, sessionSaved, sessionStatus, turnEnded } from "../sessions/facts.ts";
import { sessionSettled } from "../sessions/settle.ts";
import type { Fact } from "../town.ts";
import { townRow } from "../town-row.ts";

const MAX_ATTEMPTS = 5;

type InboxRow = Row & { seq: number; type: string; payload: string; attempts: number };

export function post(ctx: Ctx, fact: Fact): void {
  ctx.sql.run(
    "insert into inbox (type, payload, at, due_at) values (?, ?, ?, ?)",
    fact.type,
    toJson(fact),
    ctx.now,
    ctx.now,
  );
}

/** Applies what is pending and due; returns how many were applied. */
export function applyInbox(ctx: Ctx, limit: number): number {
  const first = inboxDueAt(ctx);
  if (first === null || first > ctx.now) return 0;
  const rows = ctx.sql.all<InboxRow>(
    "select seq, type, payload, attempts from inbox where state = 'pending' and due_at <= ? order by seq limit ?",
    ctx.now,
    limit,
  );
  let applied = 0;
  for (const row of rows) if (applyOne(ctx, row)) applied++;
  return applied;
}

function applyOne(ctx: Ctx, row: InboxRow): boolean {
  try {
    ctx.sql.transaction(() => {
      const fact = JSON.parse(row.payload) as Fact;
      apply(ctx, fact);
      if (isPoll(fact)) ctx.sql.run("delete from inbox where seq = ?", row.seq);
      else ctx.sql.run("update inbox set state = 'applied' where seq = ?", row.seq);
    });
    return true;
  } catch (error) {
    failed(ctx, row, error instanceof Error ? error.message : "unknown error");
    return false;
  }
}

/** One a minute for each open pull request, and large: kept no longer than it takes to apply. */
function isPoll(fact: Fact): boolean {
  return fact.type === "effect_answered" && fact.answer.type === "forge" && fact.answer.answer.of === "poll";
}

function failed(ctx: Ctx, row: InboxRow, message: string): void {
  const attempts = row.attempts + 1;
  const dead = attempts >= MAX_ATTEMPTS;
  ctx.sql.run(
    "update inbox set attempts = ?, error = ?, due_at = ?, state = ? where seq = ?",
    attempts,
    message.slice(0, 2_000),
    ctx.now + retryBackoff(attempts),
    dead ? "dead" : "pending",
    row.seq,
  );
  if (!dead) return;
  audit(ctx, {
    kind: "reconciler.dead_letter",
    subject: { type: "inbox", id: String(row.seq) },
    reason: row.type,
    text: `A fact (${row.type.replaceAll("_", " ")}) could not be applied: ${message}`,
  });
}

function apply(ctx: Ctx, fact: Fact): void {
  switch (fact.type) {
    case "effect_answered":
      effectAnswered(ctx, fact.effectId, fact.attempt, fact.answer);
      return maybeLast(ctx);
    case "effect_settled":
      effectSettled(ctx, fact.effectId, fact.runnerEpoch, fact.outcome);
      return maybeLast(ctx);
    case "session_status":
      return sessionStatus(ctx, fact);
    case "session_settled":
      return sessionSettled(ctx, fact.sessionId, fact.result);
    case "session_ended":
      return sessionEnded(ctx, fact.sessionId, fact.ended);
    case "session_saved":
      return sessionSaved(ctx, fact.sessionId, fact.saved);
    case "turn_ended":
      return turnEnded(ctx, fact.sessionId, fact.turn);
    case "runner_draining":
      if (fact.epoch === townRow(ctx).runner_epoch) setDraining(ctx, true);
      return;
    case "runner_drained":
      return runnerGone(ctx, fact.epoch, "runner.drained", "The runner has drained and is gone");
    case "runner_room":
      return restsUntil(ctx) === null ? roomAgain(ctx) : undefined;
    case "runner_lost":
      return runnerGone(ctx, fact.epoch, "runner.lost", `The runner is gone: ${fact.reason}`);
  }
}

export function inboxDueAt(ctx: Ctx): number | null {
  return (
    ctx.sql.get<{ at: number | null }>("select min(due_at) as at from inbox where state = 'pending'")?.at ??
    null
  );
}
