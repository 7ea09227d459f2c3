/** What must be looked at again when something changes its state. The only place that knows. */
import type { Ctx } from "./kernel/context.ts";
import { schedule } from "./kernel/schedule.ts";
import type { MachineName } from "./status.ts";

/** Makes everything that may depend on this change due now. Being due for nothing costs little. */
export function wakeDependents(ctx: Ctx, machine: MachineName, id: string, to: string): void {
  if (machine === "issue") wakeAfterIssue(ctx, id, to);
  else if (machine === "merge") wakeAfterMerge(ctx, id);
  else if (machine === "convoy") wakeAfterConvoy(ctx, id);
  else if (machine === "session") wakeAfterSession(ctx, id, to);
  else if (machine === "rig") schedule(ctx, "dispatch", id);
  else wakeBlockedBy(ctx, id);
}

function wakeAfterIssue(ctx: Ctx, id: string, to: string): void {
  schedule(ctx, "bead", id);
  if (to === "closed" || to === "failed") wakeBlockedBy(ctx, id);
  const row = ctx.sql.get<{ convoy_id: string | null; rig_id: string | null }>(
    "select convoy_id, rig_id from beads where id = ?",
    id,
  );
  if (row?.convoy_id) schedule(ctx, "convoy", row.convoy_id);
  const merge = ctx.sql.get<{ bead_id: string }>(
    "select bead_id from merge_requests where fix_bead_id = ?",
    id,
  );
  if (merge) schedule(ctx, "merge", merge.bead_id);
}

/** Every bead that waits for this one, before it begins or before it lands. */
export function wakeBlockedBy(ctx: Ctx, id: string): void {
  for (const { from_id } of ctx.sql.all<{ from_id: string }>(
    "select from_id from dependencies where to_id = ? and kind = 'blocks'",
    id,
  )) {
    schedule(ctx, "bead", from_id);
    const merge = ctx.sql.get<{ bead_id: string }>(
      "select bead_id from merge_requests where source_id = ? and state not in ('merged', 'failed')",
      from_id,
    );
    if (merge) schedule(ctx, "merge", merge.bead_id);
  }
}

function wakeAfterMerge(ctx: Ctx, id: string): void {
  schedule(ctx, "merge", id);
  const row = ctx.sql.get<{ convoy_id: string | null; rig_id: string; target: string }>(
    "select convoy_id, rig_id, target from merge_requests where bead_id = ?",
    id,
  );
  if (!row) return;
  schedule(ctx, "lane", laneId(row.rig_id, row.target));
  schedule(ctx, "dispatch", row.rig_id);
  if (row.convoy_id) schedule(ctx, "convoy", row.convoy_id);
}

function wakeAfterConvoy(ctx: Ctx, id: string): void {
  schedule(ctx, "convoy", id);
  wakeMembers(ctx, id);
  wakeBlockedBy(ctx, id);
}

/** Every open member: its convoy began, or its feature branch is there. */
export function wakeMembers(ctx: Ctx, convoyId: string): void {
  for (const row of ctx.sql.all<{ id: string }>(
    "select id from beads where convoy_id = ? and status = 'open'",
    convoyId,
  )) {
    schedule(ctx, "bead", row.id);
  }
}

function wakeAfterSession(ctx: Ctx, id: string, to: string): void {
  const row = ctx.sql.get<{ role: string }>("select role from sessions where id = ?", id);
  if (row?.role === "mayor") schedule(ctx, "mayor", "mayor");
  schedule(ctx, "runner", "runner");
  if (to === "ended") wakeDispatchers(ctx);
  else schedule(ctx, "session", id);
}

/** A slot may be free: every rig that has something ready looks again. */
export function wakeDispatchers(ctx: Ctx): void {
  if (ctx.sql.get("select id from triage_requests where state = 'open' limit 1") !== undefined)
    schedule(ctx, "triage", "triage");
  for (const rig of ctx.sql.all<{ id: string }>("select id from rigs")) schedule(ctx, "dispatch", rig.id);
}

export function laneId(rigId: string, target: string): string {
  return `${rigId} ${target}`;
}
