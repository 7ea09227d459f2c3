/**
 * Effects: what has to be done outside, recorded in the transaction that decided it
 * (spec/town.md §4, decision 4).
 *
 *   pending → running → done
 *                     → accepted → done      the runner took it (202) and answers by callback
 *   running, accepted → pending              its deadline passed, the host began anew, or a newer runner came
 *   running → dead                           refused for good, or 20 counted failures
 *
 * A crash may carry one out twice, so each kind looks at the world before it acts.
 */
import type { FailureReason } from "@gastown/protocol";
import { audit } from "../audit/audit.ts";
import { retryBackoff, SECOND, type Ctx } from "../kernel/context.ts";
import { toJson } from "../kernel/json.ts";
import type { Row } from "../kernel/sql.ts";

export type EffectKind =
  | "start_session"
  | "stop_session"
  | "check_session"
  | "message_session"
  | "interrupt_session"
  | "sync_config"
  | "change_model"
  | "settle_session"
  | "poke_session"
  | "setup_rig"
  | "branch"
  | "run_gates"
  | "merge"
  | "withdraw_merge"
  | "update_branch"
  | "ask_model"
  | "open_pull_request"
  | "poll_pull_request"
  | "merge_pull_request"
  | "post_review"
  | "notify"
  | "ensure_runner"
  | "stop_runner";

/** Carried out without a runner: an open pull request keeps no runner alive. */
const WITHOUT_RUNNER: readonly string[] = [
  "open_pull_request",
  "poll_pull_request",
  "merge_pull_request",
  "post_review",
  "notify",
] satisfies EffectKind[];
/** The same as a list for SQL. */
export const WITHOUT_RUNNER_SQL: string = WITHOUT_RUNNER.map((kind) => `'${kind}'`).join(", ");

export function needsRunner(kind: string): boolean {
  return !WITHOUT_RUNNER.includes(kind) && kind !== "stop_runner";
}

export type EffectRow = Row & {
  id: string;
  kind: string;
  subject: string;
  key: string;
  payload: string;
  state: string;
  attempts: number;
  failures: number;
  due_at: number;
  deadline: number;
  give_up_at: number | null;
  runner_epoch: number;
  result: string | null;
};

const MAX_EFFECT_FAILURES = 20;

export interface NewEffect {
  kind: EffectKind;
  /** Only one effect of a subject is carried out at a time. */
  subject: string;
  /** Idempotency key: the same wish while one is under way is one effect. */
  key: string;
  payload?: Record<string, unknown>;
  /** No try begins before this time (epoch ms); absent: now. */
  dueAt?: number;
  /** No try begins after this time (epoch ms); the answer then stays unknown. */
  giveUpAt?: number;
}

/** Queues an effect and returns its id; the id of the one under way where the key is taken. */
export function enqueue(ctx: Ctx, effect: NewEffect): string {
  const existing = ctx.sql.get<{ id: string }>(
    "select id from outbox where key = ? and state in ('pending', 'running', 'accepted')",
    effect.key,
  );
  if (existing) return existing.id;
  const id = ctx.id("effect");
  ctx.sql.run(
    `insert into outbox (id, kind, subject, key, payload, state, due_at, give_up_at, created_at)
     values (?, ?, ?, ?, ?, 'pending', ?, ?, ?)`,
    id,
    effect.kind,
    effect.subject,
    effect.key,
    toJson(effect.payload ?? {}),
    effect.dueAt ?? ctx.now,
    effect.giveUpAt ?? null,
    ctx.now,
  );
  return id;
}

export function effect(ctx: Ctx, id: string): EffectRow | undefined {
  return ctx.sql.get<EffectRow>("select * from outbox where id = ?", id);
}

/** Whether an effect of this subject and kind is still under way. */
export function underWay(ctx: Ctx, kind: EffectKind, subject: string): EffectRow | undefined {
  return ctx.sql.get<EffectRow>(
    "select * from outbox where subject = ? and kind = ? and state in ('pending', 'running', 'accepted')",
    subject,
    kind,
  );
}

/** What it is to do has changed: one that waits for its next try is not waited for. */
export function tryNow(ctx: Ctx, kind: EffectKind, subject: string): void {
  ctx.sql.run(
    "update outbox set due_at = ? where subject = ? and kind = ? and state = 'pending'",
    ctx.now,
    subject,
    kind,
  );
}

/** Its subject is over: what was not begun is not begun any more. */
export function cancelPending(ctx: Ctx, subject: string): void {
  ctx.sql.run(
    "update outbox set state = 'done', result = 'cancelled' where subject = ? and state = 'pending'",
    subject,
  );
}

export function finish(ctx: Ctx, id: string, result: string): void {
  ctx.sql.run(
    "update outbox set state = 'done', result = ? where id = ? and state in ('pending', 'running', 'accepted')",
    result,
    id,
  );
}

/** Whatever is under way of this kind for a subject is over, however far it came. */
export function finishKind(ctx: Ctx, kind: EffectKind, subject: string, result: string): void {
  ctx.sql.run(
    `update outbox set state = 'done', result = ? where subject = ? and kind = ?
       and state in ('pending', 'running', 'accepted')`,
    result,
    subject,
    kind,
  );
}

/**
 * The runner took it; `deadlineMs` from now its answer is overdue and it is sent again. Where a newer
 * runner registered while the call was out, nobody can say which of the two took it: it is sent again
 * at once, which the one that has it answers by attaching.
 */
export function accept(ctx: Ctx, row: EffectRow, runnerEpoch: number, deadlineMs: number): void {
  const overtaken = row.runner_epoch !== runnerEpoch;
  ctx.sql.run(
    "update outbox set state = ?, deadline = ?, due_at = ? where id = ? and state = 'running'",
    overtaken ? "pending" : "accepted",
    ctx.now + deadlineMs,
    ctx.now,
    row.id,
  );
}

/** Its answer is none: it is sent again at once. */
export function sendAgain(ctx: Ctx, row: EffectRow): void {
  ctx.sql.run(
    "update outbox set state = 'pending', due_at = ? where id = ? and state = 'running'",
    ctx.now,
    row.id,
  );
}

/** Not now. Returns true when it is dead after too many counted failures. */
export function retryLater(
  ctx: Ctx,
  row: EffectRow,
  answer: { message: string; retryAfterMs?: number | undefined; counted: boolean },
): boolean {
  const failures = row.failures + (answer.counted ? 1 : 0);
  if (failures >= MAX_EFFECT_FAILURES) return true;
  const wait = answer.retryAfterMs ?? retryBackoff(answer.counted ? failures : Math.min(row.attempts, 6));
  ctx.sql.run(
    "update outbox set state = 'pending', failures = ?, due_at = ?, result = ? where id = ? and state = 'running'",
    failures,
    ctx.now + Math.max(wait, SECOND / 4),
    answer.message.slice(0, 2_000),
    row.id,
  );
  return false;
}

export function bury(ctx: Ctx, row: EffectRow, reason: FailureReason): void {
  ctx.sql.run("update outbox set state = 'dead', result = ? where id = ?", toJson(reason), row.id);
  audit(ctx, {
    kind: "outbox.effect_dead",
    subject: { type: "effect", id: row.id },
    text: `${row.kind.replaceAll("_", " ")} was given up: ${reason.message}`,
    reason: reason.code,
    data: { kind: row.kind, subject: row.subject },
  });
}

/** Everything in flight is pending again: the host that carried it out is gone. */
export function requeueRunning(ctx: Ctx): void {
  ctx.sql.run("update outbox set state = 'pending', due_at = ? where state = 'running'", ctx.now);
}

/** What an older runner instance had accepted is sent to the new one. */
export function requeueAccepted(ctx: Ctx, newEpoch: number): void {
  ctx.sql.run(
    "update outbox set state = 'pending', due_at = ? where state = 'accepted' and runner_epoch < ?",
    ctx.now,
    newEpoch,
  );
}

/** Past its deadline: nobody will answer any more, so it is sent again. */
export function requeueOverdue(ctx: Ctx): void {
  ctx.sql.run(
    "update outbox set state = 'pending', due_at = ?1 where state in ('running', 'accepted') and deadline <= ?1",
    ctx.now,
  );
}

/**
 * The earliest time at which the outbox wants attention. What is due already waits for a free place or
 * for another effect of its subject, and the end of that brings the next tick; its deadline is here.
 */
export function outboxDueAt(ctx: Ctx): number | null {
  const row = ctx.sql.get<{ at: number | null }>(
    `select min(at) as at from (
       select min(due_at) as at from outbox where state = 'pending' and due_at > ?
       union all
       select min(deadline) as at from outbox where state = 'running'
       union all
       select min(deadline) as at from outbox where state = 'accepted')`,
    ctx.now,
  );
  return row?.at ?? null;
}

/** A poll that was answered leaves nothing behind. */
export function forget(ctx: Ctx, id: string): void {
  ctx.sql.run("delete from outbox where id = ?", id);
}

/** One of a subject at a time, in the order in which they were wished for. */
const MAY_BEGIN = `state = 'pending' and due_at <= ?1
       and not exists (select 1 from outbox b where b.subject = o.subject and b.state in ('running', 'accepted') and b.kind = o.kind)
       and not exists (select 1 from outbox b where b.subject = o.subject and b.state = 'running')
       and not exists (select 1 from outbox b where b.subject = o.subject and b.state = 'pending' and b.id < o.id and b.due_at <= ?1)`;

/**
 * Pending effects that may begin now, oldest first, one per subject, up to the limit in flight; at most
 * half of them read a forge, so that slow forges never keep starts and merges waiting.
 */
export function claimable(ctx: Ctx, limit: number): EffectRow[] {
  // Most ticks have nothing to send, and the index alone says so.
  if (!ctx.sql.get("select 1 as due from outbox where state = 'pending' and due_at <= ? limit 1", ctx.now))
    return [];
  const running = ctx.sql.all<{ kind: string }>("select kind from outbox where state = 'running'");
  const free = limit - running.length;
  if (free <= 0) return [];
  const reads = running.filter(({ kind }) => kind === "poll_pull_request").length;
  const readsLeft = Math.min(Math.max(Math.floor(limit / 2), 1) - reads, free);
  const others = ctx.sql.all<EffectRow>(
    `select * from outbox o where ${MAY_BEGIN} and kind <> 'poll_pull_request' order by due_at, id limit ?2`,
    ctx.now,
    free,
  );
  // By an index of their own: the done ones are many, and nothing is read where nothing is polled.
  const polls = ctx.sql.all<EffectRow>(
    `select * from outbox o indexed by outbox_polls where kind = 'poll_pull_request' and ${MAY_BEGIN} order by due_at, id limit ?2`,
    ctx.now,
    Math.max(readsLeft, 0),
  );
  return [...others, ...polls]
    .toSorted((a, b) => a.due_at - b.due_at || (a.id < b.id ? -1 : 1))
    .slice(0, free);
}
