/**
 * The merge queue of one rig and target: one at a time, in order of priority, convoy age, age. A
 * batch of one is its simplest case (spec/review.md §3).
 */
import type { Ctx } from "../kernel/context.ts";
import { enqueue } from "../outbox/outbox.ts";
import { blockersLeft } from "../reviews/blockers-left.ts";
import { inLane, laneOfSubject, laneWaits } from "../reviews/lanes.ts";
import type { MergeRow } from "../reviews/merge-row.ts";
import { mergeTitle, moveMerge } from "../reviews/move-merge.ts";
import { townRow } from "../town-row.ts";

export function laneController(ctx: Ctx, id: string): number | null {
  const lane = laneOfSubject(id);
  if (lane === null || townRow(ctx).paused_at !== null) return null;
  const waits = laneWaits(ctx, lane);
  if (waits !== null) return waits.until ?? null;
  const merges = inLane(ctx, lane).filter(({ strategy }) => strategy === "direct");
  if (merges.some(({ state }) => state === "landing")) return null;
  const next = merges.find((merge) => merge.cooldown_until <= ctx.now && isFree(ctx, merge));
  if (next) {
    land(ctx, next);
    return null;
  }
  const times = merges.map((merge) => merge.cooldown_until).filter((at) => at > ctx.now);
  return times.length === 0 ? null : Math.min(...times);
}

/** An open blocker, a missing verdict or a person keeps it out of `landing`. */
function isFree(ctx: Ctx, merge: MergeRow): boolean {
  return (
    merge.reviewed_sha === merge.head_sha &&
    merge.merge_held === null &&
    blockersLeft(ctx, merge).length === 0
  );
}

function land(ctx: Ctx, merge: MergeRow): void {
  moveMerge(ctx, merge, {
    to: "landing",
    kind: "merge.started",
    text: `${mergeTitle(ctx, merge)} is merged into ${merge.target}`,
  });
  enqueue(ctx, {
    kind: "merge",
    subject: merge.bead_id,
    key: `merge:${merge.bead_id}`,
    payload: { mergeId: merge.bead_id, headSha: merge.head_sha },
  });
}
