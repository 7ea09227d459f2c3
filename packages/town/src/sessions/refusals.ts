/** Refusals of a start that are nobody's failed attempt (spec/town.md §5). */
import { failureReason, type FailureReason } from "@gastown/protocol";
import { MINUTE, SECOND, type Ctx } from "../kernel/context.ts";
import { fromJson } from "../kernel/json.ts";
import { schedule } from "../kernel/schedule.ts";
import { townRow } from "../town-row.ts";
import { WORK_UNSAVED } from "./unsaved-work.ts";

/** They say nothing about the work: it is simply tried later. */
export const UNCOUNTED: readonly string[] = ["draining", "at_capacity", "model_unavailable", WORK_UNSAVED];

/** Every bead of the rig would meet them: they count on the rig, which becomes `broken`. */
export const RIG_WIDE: readonly string[] = [
  "runtime_missing",
  "repository_unusable",
  "no_token",
  "auth",
  "secret_unreadable",
];

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

/** Why the last start for this bead (or merge request) was refused for a passing cause; null: it was not. */
export function passingRefusal(ctx: Ctx, beadId: string): FailureReason | null {
  const last = ctx.sql.get<{ outcome: string | null; reason: string | null }>(
    "select outcome, reason from sessions where bead_id = ? order by started_at desc limit 1",
    beadId,
  );
  const reason = last?.outcome === "refused" ? fromJson(failureReason, last.reason) : null;
  return reason !== null && isPassing(reason) ? reason : null;
}

/**
 * Settings have changed: what was refused for its model may find another one now. A refusal costs little,
 * so all of them are tried.
 */
export function endModelRests(ctx: Ctx): void {
  const rests = ctx.sql.all<{ id: string }>(
    `select id from beads where type = 'issue' and status = 'open' and waiting is not null
       and json_extract(waiting, '$.code') = 'cooldown' and reason = 'model_unavailable'`,
  );
  for (const { id } of rests) {
    ctx.sql.run("update beads set cooldown_until = ? where id = ?", ctx.now, id);
    schedule(ctx, "bead", id);
  }
  const reviews = ctx.sql.all<{ bead_id: string; rig_id: string }>(
    "select bead_id, rig_id from merge_requests where review_wanted = 1 and +cooldown_until > ?",
    ctx.now,
  );
  for (const { bead_id, rig_id } of reviews) {
    if (passingRefusal(ctx, bead_id)?.code !== "model_unavailable") continue;
    ctx.sql.run("update merge_requests set cooldown_until = ? where bead_id = ?", ctx.now, bead_id);
    schedule(ctx, "dispatch", rig_id);
  }
}
