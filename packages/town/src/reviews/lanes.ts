/**
 * The lane of a rig and a target: whether anything may land there (spec/review.md §3). A target that
 * fails its own gates closes it for longer and longer; a target that moves opens it, and so does a person.
 */
import type { Waiting } from "../beads/waiting.ts";
import { laneId } from "../dependents.ts";
import { escalate, mootEscalations } from "../escalations/escalations.ts";
import { MINUTE, type Ctx } from "../kernel/context.ts";
import { iso } from "../kernel/iso.ts";
import { schedule } from "../kernel/schedule.ts";
import type { Row } from "../kernel/sql.ts";
import type { MergeRow } from "./merge-row.ts";

export type Lane = Pick<MergeRow, "rig_id" | "target">;

export type LaneRow = Row &
  Lane & {
    /** The target is red: nothing is tried before this time (epoch ms). */
    blocked_until: number | null;
    reason: string | null;
    /** The head at which it was red, and how often in a row it was tried there. */
    red_head: string | null;
    red_times: number;
    /** Who paused it; null: nobody. */
    paused_by: string | null;
  };

const FIRST_RED_PAUSE = 5 * MINUTE;
const LONGEST_RED_PAUSE = 60 * MINUTE;
const TARGET_RED = "target_red";

export function laneRow(ctx: Ctx, lane: Lane): LaneRow | undefined {
  return ctx.sql.get<LaneRow>(
    "select * from lanes where rig_id = ? and target = ?",
    lane.rig_id,
    lane.target,
  );
}

/** The target's own head is red: nobody's work is blamed, one person is told, and the lane rests. */
export function laneIsRed(ctx: Ctx, merge: MergeRow, red: readonly string[], head: string | null): void {
  const before = laneRow(ctx, merge);
  const times = before && before.red_times > 0 && before.red_head === head ? before.red_times + 1 : 1;
  const pause = Math.min(FIRST_RED_PAUSE * 2 ** (times - 1), LONGEST_RED_PAUSE);
  ctx.sql.run(
    `insert into lanes (rig_id, target, blocked_until, reason, red_head, red_times) values (?1, ?2, ?3, ?4, ?5, ?6)
     on conflict (rig_id, target) do update set blocked_until = ?3, reason = ?4, red_head = ?5, red_times = ?6`,
    merge.rig_id,
    merge.target,
    ctx.now + pause,
    `${red.join(", ")} fail on ${merge.target} itself`,
    head,
    times,
  );
  wakeLane(ctx, merge);
  escalate(ctx, {
    severity: "high",
    category: TARGET_RED,
    subject: laneId(merge.rig_id, merge.target),
    title: `${merge.target} itself fails ${red.join(", ")}`,
    body:
      `Nothing can land there until it is repaired. The town tries again when the branch moves as far as it hears of it, ` +
      `and by itself after ${FIRST_RED_PAUSE / MINUTE} minutes, then after twice as long each time, at most ${LONGEST_RED_PAUSE / MINUTE} minutes.`,
    choices: [{ id: "retry", label: "Try again now" }],
    source: { rigId: merge.rig_id, beadId: merge.source_id },
  });
}

/** The target moved, or its gates are others now: what was red there is tried anew. */
export function laneOpens(ctx: Ctx, lane: Lane): void {
  const row = laneRow(ctx, lane);
  if (!row || row.red_times === 0) return;
  ctx.sql.run(
    "update lanes set blocked_until = null, reason = null, red_head = null, red_times = 0 where rig_id = ? and target = ?",
    lane.rig_id,
    lane.target,
  );
  wakeLane(ctx, lane);
}

/** Something landed after green gates: what was said of the target is over. */
export function laneIsGreen(ctx: Ctx, lane: Lane): void {
  laneOpens(ctx, lane);
  mootEscalations(ctx, laneId(lane.rig_id, lane.target), TARGET_RED);
}

/** All red lanes of a rig, or of the town: the gates that were red may not be asked for any more. */
export function lanesOpen(ctx: Ctx, rigId: string | null): void {
  const red = ctx.sql.all<Lane>(
    "select rig_id, target from lanes where red_times > 0 and (?1 is null or rig_id = ?1)",
    rigId,
  );
  for (const lane of red) laneOpens(ctx, lane);
}

/** What keeps everything of a lane from landing; null: nothing but the turn of each. */
export function laneWaits(ctx: Ctx, lane: Lane): Waiting | null {
  const row = laneRow(ctx, lane);
  if (row?.paused_by) {
    const message = `landing into ${lane.target} is paused by ${row.paused_by}`;
    return { code: "held", message };
  }
  if (!row?.blocked_until || row.blocked_until <= ctx.now) return null;
  const message = `${row.reason ?? `${lane.target} is red`}; tried again at ${iso(row.blocked_until)}`;
  return { code: "landing_queue", message, until: row.blocked_until };
}

/** The lane that a question about a red target is about: its subject. */
export function laneOfSubject(subject: string): Lane | null {
  const cut = subject.indexOf(" ");
  return cut < 0 ? null : { rig_id: subject.slice(0, cut), target: subject.slice(cut + 1) };
}

/** What waits there is told why anew. */
export function wakeLane(ctx: Ctx, lane: Lane): void {
  schedule(ctx, "lane", laneId(lane.rig_id, lane.target));
  for (const { bead_id } of inLane(ctx, lane)) schedule(ctx, "merge", bead_id);
}

/** All of a lane, in the order in which they land: priority, age of the convoy, age. */
export function inLane(ctx: Ctx, lane: Lane): MergeRow[] {
  return ctx.sql.all<MergeRow>(
    `select * from merge_requests where rig_id = ? and target = ? and state in ('landing', 'approved')
     order by state desc, priority desc, convoy_at, created_at, bead_id limit 200`,
    lane.rig_id,
    lane.target,
  );
}
