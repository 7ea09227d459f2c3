/** Lanes as people and scripts see them (spec/api.md §3.8, `merges.lanes`). */
import type { MergeLane } from "@gastown/protocol";
import { readWaiting } from "../beads/waiting.ts";
import type { Ctx } from "../kernel/context.ts";
import { isoOrNull } from "../kernel/iso.ts";
import { inLane, laneRow, type Lane, type LaneRow } from "../reviews/lanes.ts";
import type { MergeRow } from "../reviews/merge-row.ts";
import { mergeTitle } from "../reviews/move-merge.ts";

/** Its place in its lane, 1 first; null: it waits for no turn there. */
export function positionOf(ctx: Ctx, merge: MergeRow): number | null {
  if (merge.strategy !== "direct" || merge.state !== "approved") return null;
  const before = ctx.sql.get<{ n: number }>(
    `select count(*) as n from merge_requests where rig_id = ? and target = ? and state = 'approved' and strategy = 'direct'
       and (-priority, convoy_at, created_at, bead_id) < (?, ?, ?, ?)`,
    merge.rig_id,
    merge.target,
    -merge.priority,
    merge.convoy_at,
    merge.created_at,
    merge.bead_id,
  );
  return (before?.n ?? 0) + 1;
}

/** Every lane in which something waits or lands, or that is paused or red. */
export function lanes(ctx: Ctx): MergeLane[] {
  return ctx.sql
    .all<Lane>(
      `select distinct rig_id, target from merge_requests where state in ('approved', 'landing')
       union select rig_id, target from lanes where paused_by is not null or red_times > 0
       order by rig_id, target`,
    )
    .map((lane) => toLane(ctx, lane));
}

export function toLane(ctx: Ctx, lane: Lane): MergeLane {
  const row = laneRow(ctx, lane);
  const merges = inLane(ctx, lane);
  const by = row?.paused_by ?? null;
  return {
    rigId: lane.rig_id,
    target: lane.target,
    state: stateOf(row, merges),
    reason: by === null ? (row?.reason ?? null) : `paused by ${by}`,
    pausedBy: by,
    until: isoOrNull(row?.blocked_until ?? null),
    inTest: merges.filter(({ state }) => state === "landing").map(({ bead_id }) => bead_id),
    changes: merges.map((merge) => ({
      id: merge.bead_id,
      title: mergeTitle(ctx, merge),
      strategy: merge.strategy,
      state: merge.state,
      position: positionOf(ctx, merge),
      why: readWaiting(merge.waiting)?.message ?? (merge.state === "landing" ? "is being merged" : null),
    })),
  };
}

function stateOf(row: LaneRow | undefined, merges: readonly MergeRow[]): MergeLane["state"] {
  if (row?.paused_by) return "paused";
  if ((row?.red_times ?? 0) > 0) return "red";
  if (merges.some(({ state }) => state === "landing")) return "landing";
  return merges.length > 0 ? "waiting" : "idle";
}
