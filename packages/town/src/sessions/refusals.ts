/** Refusals of a start that are nobody's failed attempt (spec/town.md §5). */
import { failureReason, type FailureReason } from "@gastown/protocol";
import { settings } from "../config/store.ts";
import { MINUTE, SECOND, type Ctx } from "../kernel/context.ts";
import { fromJson } from "../kernel/json.ts";
import { schedule } from "../kernel/schedule.ts";
import { townRow } from "../town-row.ts";
import { choiceOf } from "./chosen.ts";
import type { SessionRow } from "./session-row.ts";

/** The last session of that directory left work that is on no remote yet (`unsaved-work.ts`). */
export const WORK_UNSAVED = "work_unsaved";

/** They say nothing about the work: it is simply tried later. */
export const UNCOUNTED: readonly string[] = ["draining", "at_capacity", "model_unavailable", WORK_UNSAVED];

const RIG_WIDE: readonly string[] = [
  "runtime_missing",
  "repository_unusable",
  "no_token",
  "auth",
  "secret_unreadable",
];

/**
 * Whether every bead of the rig would meet it: it counts on the rig, which becomes `broken`. A runtime that
 * only this bead wants concerns no other.
 */
export function isRigWide(ctx: Ctx, session: SessionRow, { code }: FailureReason): boolean {
  if (!RIG_WIDE.includes(code)) return false;
  const { runtime } = choiceOf(ctx, session);
  const usual = settings(ctx, session.rig_id).role_runtimes[session.role];
  return code !== "runtime_missing" || runtime === null || runtime === usual;
}

export function isPassing(refusal: FailureReason): boolean {
  return UNCOUNTED.includes(refusal.code);
}

/** The shortest rest after a refusal for a passing cause. */
const REST = 30 * SECOND;
/** After one for a model that the agent does not have: only a person mends that, and settings end the rest. */
const REST_WITHOUT_MODEL = 10 * MINUTE;

/** Its agent does not offer the model that is set; a provider that does not answer says until when. */
export function isModelMissing({ code, until }: FailureReason): boolean {
  return code === "model_unavailable" && until === undefined;
}

/**
 * How long what was refused for a passing cause rests, in milliseconds: until the time that whoever refused
 * it said. What waits for room needs no rest of its own: the host says when there is some.
 */
export function restAfter(ctx: Ctx, reason: FailureReason): number {
  if (townRow(ctx).no_room !== null) return 0;
  return Math.max(isModelMissing(reason) ? REST_WITHOUT_MODEL : REST, (reason.until ?? 0) - ctx.now);
}

type LastSession = { agent_id: string; outcome: string | null; reason: string | null };

/** The last start for this bead (or merge request), where it was refused for a passing cause; null: it was not. */
function lastRefusal(ctx: Ctx, beadId: string): { agentId: string; reason: FailureReason } | null {
  const last = ctx.sql.get<LastSession>(
    "select agent_id, outcome, reason from sessions where bead_id = ? order by started_at desc limit 1",
    beadId,
  );
  const reason = last?.outcome === "refused" ? fromJson(failureReason, last.reason) : null;
  return last === undefined || reason === null || !isPassing(reason)
    ? null
    : { agentId: last.agent_id, reason };
}

/** Why it was refused. */
export function passingRefusal(ctx: Ctx, beadId: string): FailureReason | null {
  return lastRefusal(ctx, beadId)?.reason ?? null;
}

/**
 * What was refused for this passing cause is tried now: there is a reason to think that it is gone.
 * `agentId`: only what was to begin in that agent's directory.
 */
export function endRests(ctx: Ctx, code: string, agentId: string | null = null): void {
  const isMeant = (beadId: string): boolean => {
    const last = lastRefusal(ctx, beadId);
    return last?.reason.code === code && (agentId === null || last.agentId === agentId);
  };
  const rests = ctx.sql.all<{ id: string }>(
    `select id from beads where type = 'issue' and status = 'open' and waiting is not null
       and json_extract(waiting, '$.code') = 'cooldown' and reason = ?`,
    code,
  );
  for (const { id } of rests.filter((bead) => isMeant(bead.id))) {
    ctx.sql.run("update beads set cooldown_until = ? where id = ?", ctx.now, id);
    schedule(ctx, "bead", id);
  }
  const reviews = ctx.sql.all<{ bead_id: string; rig_id: string }>(
    "select bead_id, rig_id from merge_requests where review_wanted = 1 and +cooldown_until > ?",
    ctx.now,
  );
  for (const { bead_id, rig_id } of reviews.filter((merge) => isMeant(merge.bead_id))) {
    ctx.sql.run("update merge_requests set cooldown_until = ? where bead_id = ?", ctx.now, bead_id);
    schedule(ctx, "dispatch", rig_id);
  }
}
