/**
 * One per rig: gives slots to what is ready, reviews first, then fix beads, then new work. The gates
 * that all beads of the rig share are kept once, on the rig (spec/town.md §5, dispatcher).
 */
import type { WaitingCode } from "@gastown/protocol";
import { z } from "zod";
import { isFix, type BeadRow } from "../beads/bead-row.ts";
import { settings } from "../config/store.ts";
import type { Ctx } from "../kernel/context.ts";
import { fromJson, toJson } from "../kernel/json.ts";
import { mergeOfFix, type MergeRow } from "../reviews/merge-row.ts";
import { mergeTitle, moveMerge } from "../reviews/move-merge.ts";
import type { RigRow } from "../rigs/rigs.ts";
import { startPolecat, startRefinery } from "../sessions/start.ts";
import { townRow } from "../town-row.ts";

const gateSchema = z.object({
  code: z.enum(["draining", "paused", "runner_unavailable"]),
  since: z.number(),
  message: z.string(),
});
export type SharedGate = z.infer<typeof gateSchema> & { code: WaitingCode };

export function dispatchController(ctx: Ctx, rigId: string): number | null {
  const rig = ctx.sql.get<RigRow>("select * from rigs where id = ?", rigId);
  if (!rig) return null;
  const gate = sharedGate(ctx, rig);
  keepGate(ctx, rig, gate);
  if (gate) return null;
  const reviewsLater = startReviews(ctx, rig);
  startBeads(ctx, rig);
  return reviewsLater;
}

/** What keeps every bead of the rig from starting, as a reader sees it. */
export function readGate(rig: { gate: string | null }): SharedGate | null {
  return fromJson(gateSchema, rig.gate);
}

function sharedGate(ctx: Ctx, rig: RigRow): { code: SharedGate["code"]; message: string } | null {
  const town = townRow(ctx);
  if (town.runner_draining === 1) return { code: "draining", message: "the runner is being replaced" };
  if (town.paused_at !== null)
    return {
      code: "paused",
      message: `the town is paused${town.paused_reason ? `: ${town.paused_reason}` : ""}`,
    };
  if (rig.state === "pending")
    return { code: "runner_unavailable", message: "its repository is being set up" };
  if (rig.state === "broken")
    return { code: "runner_unavailable", message: rig.reason ?? "its repository cannot be used" };
  return null;
}

function keepGate(ctx: Ctx, rig: RigRow, gate: { code: string; message: string } | null): void {
  const old = readGate(rig);
  if (old === null && gate === null) return;
  if (old && gate && old.code === gate.code && old.message === gate.message) return;
  const since = old && gate && old.code === gate.code ? old.since : ctx.now;
  ctx.sql.run(
    "update rigs set gate = ? where id = ?",
    gate === null ? null : toJson({ ...gate, since }),
    rig.id,
  );
}

/** How many sessions may still begin: the town's limit, mayor not counted. */
function freeAgents(ctx: Ctx, rigId: string): number {
  const live = ctx.sql.get<{ n: number }>(
    "select count(*) as n from sessions where state <> 'ended' and role <> 'mayor'",
  );
  return settings(ctx, rigId).limits.max_agents - (live?.n ?? 0);
}

function liveInRig(ctx: Ctx, rigId: string, role: string): number {
  const row = ctx.sql.get<{ n: number }>(
    "select count(*) as n from sessions where rig_id = ? and role = ? and state <> 'ended'",
    rigId,
    role,
  );
  return row?.n ?? 0;
}

/** Starts reviews; returns when the next one that rests may begin. */
function startReviews(ctx: Ctx, rig: RigRow): number | null {
  const slots = Math.min(
    settings(ctx, rig.id).review.parallel_reviews - liveInRig(ctx, rig.id, "refinery"),
    freeAgents(ctx, rig.id),
  );
  // "+": the index that keeps the order, not the one of those that rest, which would have to be sorted.
  const wanted = ctx.sql.all<MergeRow>(
    `select * from merge_requests where rig_id = ? and review_wanted = 1 and +cooldown_until <= ?
     order by priority desc, convoy_at, created_at, bead_id limit ?`,
    rig.id,
    ctx.now,
    Math.max(slots, 0),
  );
  for (const merge of wanted) {
    const sessionId = startRefinery(ctx, merge, rig);
    moveMerge(ctx, merge, {
      to: "reviewing",
      kind: "review.started",
      text: `Review of ${mergeTitle(ctx, merge)} begins at ${merge.head_sha.slice(0, 8)}`,
      data: { sessionId },
    });
  }
  return (
    ctx.sql.get<{ at: number | null }>(
      "select min(cooldown_until) as at from merge_requests where rig_id = ? and review_wanted = 1 and cooldown_until > ?",
      rig.id,
      ctx.now,
    )?.at ?? null
  );
}

function startBeads(ctx: Ctx, rig: RigRow): void {
  const slots = Math.min(
    settings(ctx, rig.id).limits.max_polecats_per_rig - liveInRig(ctx, rig.id, "polecat"),
    freeAgents(ctx, rig.id),
  );
  if (slots <= 0) return;
  const beads = ctx.sql.all<BeadRow>(
    `select * from beads where rig_id = ? and ready = 1
     order by dispatch_class, priority desc, convoy_at, created_at, id limit ?`,
    rig.id,
    slots,
  );
  for (const bead of beads) startPolecat(ctx, bead, rig, isFix(bead) ? mergeOfFix(ctx, bead.id) : undefined);
}
