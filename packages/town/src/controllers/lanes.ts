/**
 * The merge queue of one rig and target: one at a time, in order of priority, convoy age, age. A
 * batch of one is its simplest case (spec/review.md §3).
 */
import type { Ctx } from "../kernel/context.ts";
import { enqueue } from "../outbox/outbox.ts";
import { blockersLeft } from "../reviews/blockers-left.ts";
import type { MergeRow } from "../reviews/merge-row.ts";
import { mergeTitle, moveMerge } from "../reviews/move-merge.ts";
import { townRow } from "../town-row.ts";

export function laneController(ctx: Ctx, id: string): number | null {
  const cut = id.indexOf(" ");
  const [rigId, target] = [id.slice(0, cut), id.slice(cut + 1)];
  if (townRow(ctx).paused_at !== null) return null;
  const lane = ctx.sql.get<{ blocked_until: number | null }>(
    "select blocked_until from lanes where rig_id = ? and target = ?",
    rigId,
    target,
  );
  if (lane?.blocked_until && lane.blocked_until > ctx.now) return lane.blocked_until;
  if (inState(ctx, rigId, target, "landing").length > 0) return null;
  const waiting = inState(ctx, rigId, target, "approved");
  const next = waiting.find((merge) => merge.cooldown_until <= ctx.now && isFree(ctx, merge));
  if (next) {
    land(ctx, next);
    return null;
  }
  const times = waiting.map((merge) => merge.cooldown_until).filter((at) => at > ctx.now);
  return times.length === 0 ? null : Math.min(...times);
}

function inState(ctx: Ctx, rigId: string, target: string, state: string): MergeRow[] {
  return ctx.sql.all<MergeRow>(
    `select * from merge_requests where rig_id = ? and target = ? and state = ? and strategy = 'direct'
     order by priority desc, convoy_at, created_at, bead_id limit 200`,
    rigId,
    target,
    state,
  );
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
