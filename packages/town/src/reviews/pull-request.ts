/** What the last poll of a pull request brought, as it is stored (spec/review.md §4). */
import { pullRequest, pullRequestSignals, type ForgeKind } from "@gastown/protocol";
import { z } from "zod";
import { settings } from "../config/store.ts";
import { MINUTE, SECOND, type Ctx } from "../kernel/context.ts";
import { fromJson, toJson } from "../kernel/json.ts";
import { schedule } from "../kernel/schedule.ts";
import { forgeOf, type RigRow } from "../rigs/rigs.ts";
import type { MergeRow } from "./merge-row.ts";

const storedReading = z.object({
  pr: pullRequest,
  /** Null: it is not open any more, or only the opening of it was told. */
  signals: pullRequestSignals.nullable(),
  /** The ends of the logs of its failing checks. */
  logs: z.array(z.object({ name: z.string(), text: z.string() })),
  /** When it was asked for: the count of fresh readings wanted until then, and epoch ms. */
  asked: z.object({ no: z.number(), at: z.number() }),
});
export type Reading = z.infer<typeof storedReading>;

export function readingOf(merge: MergeRow): Reading | null {
  return fromJson(storedReading, merge.pr_reading);
}

export function storeReading(ctx: Ctx, merge: MergeRow, reading: Reading): void {
  ctx.sql.run(
    `update merge_requests set pr_url = ?, pr_number = ?, pr_state = ?, pr_reading = ?, pr_read_at = ? where bead_id = ?`,
    reading.pr.url,
    reading.pr.number,
    reading.pr.state,
    toJson(reading),
    ctx.now,
    merge.bead_id,
  );
}

/** How long a forge may go on showing an older head after a push. */
export const HEAD_SETTLES = 2 * MINUTE;

/** The branch stands at this head now: what was read or judged at another one counts no more. */
export function setHead(ctx: Ctx, merge: MergeRow, head: string): void {
  if (merge.head_sha === head) return;
  const prior = [...priorHeads(merge), merge.head_sha].slice(-20);
  ctx.sql.run(
    `update merge_requests set head_sha = ?, head_at = ?, prior_heads = ?, recheck = null, green_since = null, landing_failures = 0,
       next_poll_at = 0, read_after = read_after + 1 where bead_id = ?`,
    head,
    ctx.now,
    toJson(prior),
    merge.bead_id,
  );
}

export function priorHeads(merge: MergeRow): string[] {
  return fromJson(z.array(z.string()), merge.prior_heads) ?? [];
}

/** Whether polls of it are wanted: an open pull request of a live merge request that is not landing. */
export function isWatched(merge: MergeRow): boolean {
  return merge.pr_url !== null && !["landing", "merged", "failed"].includes(merge.state);
}

/** Reads it now; what was read before decides nothing any more. */
export function readAnew(ctx: Ctx, merge: MergeRow): void {
  ctx.sql.run(
    "update merge_requests set next_poll_at = ?, read_after = read_after + 1 where bead_id = ?",
    ctx.now,
    merge.bead_id,
  );
  schedule(ctx, "merge", merge.bead_id);
}

export function pollInterval(ctx: Ctx, merge: MergeRow): number {
  return settings(ctx, merge.rig_id).review.poll_seconds * SECOND;
}

export function providerOf(ctx: Ctx, merge: MergeRow): ForgeKind {
  const rig = ctx.sql.get<RigRow>("select * from rigs where id = ?", merge.rig_id);
  return rig ? forgeOf(ctx, rig) : "git";
}

/** Whether it goes into the feature branch of a convoy, which the grace period does not guard. */
export function intoFeatureBranch(ctx: Ctx, merge: MergeRow): boolean {
  if (merge.convoy_id === null || merge.lands_convoy === 1) return false;
  return (
    ctx.sql.get<{ n: number }>(
      "select 1 as n from convoy_branches where convoy_id = ? and rig_id = ? and branch = ?",
      merge.convoy_id,
      merge.rig_id,
      merge.target,
    ) !== undefined
  );
}
