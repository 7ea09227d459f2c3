/** A person pauses a lane, or lets it go on (spec/api.md §3.8, `merges.lanes.pause`, `resume`). */
import { audit } from "../audit/audit.ts";
import type { Ctx } from "../kernel/context.ts";
import { findRig } from "../rigs/rigs.ts";
import { withdraw } from "./commands.ts";
import { inLane, laneOpens, laneRow, wakeLane, type Lane } from "./lanes.ts";

/** Nothing lands in it until it is resumed; a merge that runs is asked to withdraw. */
export function pauseLane(ctx: Ctx, rigRef: string, target: string): Lane {
  const lane = { rig_id: findRig(ctx, rigRef).id, target };
  setPaused(ctx, lane, ctx.actor.name);
  for (const merge of inLane(ctx, lane)) if (merge.state === "landing") withdraw(ctx, merge);
  return lane;
}

/** Also what was red there is tried at once. */
export function resumeLane(ctx: Ctx, rigRef: string, target: string): Lane {
  const lane = { rig_id: findRig(ctx, rigRef).id, target };
  setPaused(ctx, lane, null);
  laneOpens(ctx, lane);
  return lane;
}

function setPaused(ctx: Ctx, lane: Lane, by: string | null): void {
  if ((laneRow(ctx, lane)?.paused_by ?? null) === by) return;
  ctx.sql.run(
    `insert into lanes (rig_id, target, paused_by) values (?1, ?2, ?3)
     on conflict (rig_id, target) do update set paused_by = ?3`,
    lane.rig_id,
    lane.target,
    by,
  );
  audit(ctx, {
    kind: by === null ? "lane.resumed" : "lane.paused",
    subject: { type: "rig", id: lane.rig_id },
    rigId: lane.rig_id,
    text: `Landing into ${lane.target} is ${by === null ? `resumed by ${ctx.actor.name}` : `paused by ${by}`}`,
    data: { target: lane.target },
  });
  wakeLane(ctx, lane);
}
