/** The mayor's sessions so far: which conversation goes on, and why the last start failed. */
import { failureReason, type FailureReason } from "@gastown/protocol";
import type { Ctx } from "../kernel/context.ts";
import { fromJson } from "../kernel/json.ts";
import type { SessionRow } from "../sessions/session-row.ts";
import { townRow } from "../town-row.ts";

export function liveMayor(ctx: Ctx): SessionRow | undefined {
  return ctx.sql.get<SessionRow>("select * from sessions where role = 'mayor' and state <> 'ended'");
}

function newest(ctx: Ctx): SessionRow | undefined {
  return ctx.sql.get<SessionRow>(
    "select * from sessions where role = 'mayor' order by started_at desc, id desc limit 1",
  );
}

/**
 * The agent's own id of the conversation that a new session takes up: only of the same runtime and in
 * the same directory, because another one would be ignored (spec/agents-facts.md §2). Null: a new one.
 */
export function conversationToTakeUp(ctx: Ctx, runtime: string, agentId: string): string | null {
  if (townRow(ctx).mayor_fresh === 1) return null;
  const last = ctx.sql.get<SessionRow>(
    `select * from sessions where role = 'mayor' and (conversation_id is not null or fresh = 1)
     order by started_at desc, id desc limit 1`,
  );
  if (!last || last.runtime !== runtime || last.agent_id !== agentId) return null;
  return last.conversation_id;
}

/** Whether a session of the present conversation ran already. */
export function hasPast(ctx: Ctx): boolean {
  if (townRow(ctx).mayor_fresh === 1) return false;
  const ran = ctx.sql.get<{ id: string }>(
    "select id from sessions where role = 'mayor' and prompted = 1 and started_at >= ? limit 1",
    conversationSince(ctx),
  );
  return ran !== undefined;
}

/** When the present conversation began (epoch ms): with the last session that began anew on purpose. */
export function conversationSince(ctx: Ctx): number {
  const row = ctx.sql.get<{ at: number | null }>(
    "select max(started_at) as at from sessions where role = 'mayor' and fresh = 1",
  );
  return row?.at ?? 0;
}

const NOT_USABLE = ["runtime_missing", "model_unavailable"];

export interface Refusal {
  readonly at: number;
  readonly reason: FailureReason;
}

/** Why the last start failed, unless settings have changed since: those may have put it right. */
export function lastRefusal(ctx: Ctx): Refusal | null {
  const last = newest(ctx);
  if (last?.outcome !== "refused" || last.config_version !== townRow(ctx).config_version) return null;
  const reason = fromJson(failureReason, last.reason);
  return reason === null ? null : { at: last.ended_at ?? last.started_at, reason };
}

/** A runtime, login or model that is not there: nothing but a person can mend it. */
export function notUsable(ctx: Ctx): Refusal | null {
  const refusal = lastRefusal(ctx);
  return refusal !== null && NOT_USABLE.includes(refusal.reason.code) ? refusal : null;
}
