/**
 * One per rig: gives slots to what is ready, reviews first, then fix beads, then new work. The gates
 * that all beads of the rig share are kept once, on the rig (spec/town.md §5, dispatcher).
 */
import { z } from "zod";
import { isFix, type BeadRow } from "../beads/bead-row.ts";
import type { Waiting } from "../beads/waiting.ts";
import { breakerGate, breakerProbeStarted } from "../breaker/breaker.ts";
import { budgetWait, EVERY, OWN, SHARED } from "../budgets/budgets.ts";
import { chargedForBead, chargedForMerge } from "../budgets/charged.ts";
import type { Charged } from "../budgets/spend.ts";
import { settings } from "../config/store.ts";
import type { Ctx } from "../kernel/context.ts";
import { fromJson, toJson } from "../kernel/json.ts";
import { schedule } from "../kernel/schedule.ts";
import { mergeOfFix, type MergeRow } from "../reviews/merge-row.ts";
import { mergeTitle, moveMerge } from "../reviews/move-merge.ts";
import { rigRows, wantBrokenRig, type RigRow } from "../rigs/rigs.ts";
import { startPolecat, startRefinery } from "../sessions/start.ts";
import { townRow } from "../town-row.ts";

const gateSchema = z.object({
  code: z.enum(["draining", "paused", "budget", "breaker", "runner_unavailable"]),
  since: z.number(),
  until: z.number().optional(),
  limit: z.string().optional(),
  message: z.string(),
});
export type SharedGate = z.infer<typeof gateSchema>;
type Gate = Omit<Waiting, "code"> & Pick<SharedGate, "code">;

export function dispatchController(ctx: Ctx, rigId: string): number | null {
  const rig = ctx.sql.get<RigRow>("select * from rigs where id = ?", rigId);
  if (!rig) return null;
  const gate = sharedGate(ctx, rig);
  keepGate(ctx, rig, gate);
  if (rig.state === "broken") wantBrokenRig(ctx, rig.id);
  // The other gates are lifted by events; only a day's budget comes back by the clock.
  if (gate) return gate.code === "budget" ? (gate.until ?? null) : null;
  fillSlots(ctx, rig);
  return nextReviewAt(ctx, rig.id);
}

/** What keeps every bead of the rig from starting, as a reader sees it. */
export function readGate(rig: { gate: string | null }): SharedGate | null {
  return fromJson(gateSchema, rig.gate);
}

function sharedGate(ctx: Ctx, rig: RigRow): Gate | null {
  return sharedGates(ctx, rig)[0] ?? null;
}

/** All that keep every bead of the rig now, in the order in which they are told. */
export function sharedGates(ctx: Ctx, rig: RigRow): Gate[] {
  return [
    drainingGate(ctx),
    pausedGate(ctx),
    budgetGate(ctx, rig),
    breakerOpen(ctx),
    roomGate(ctx),
    repositoryGate(rig),
  ].filter((gate) => gate !== null);
}

function drainingGate(ctx: Ctx): Gate | null {
  if (townRow(ctx).runner_draining === 0) return null;
  return { code: "draining", message: "the runner is being replaced" };
}

function pausedGate(ctx: Ctx): Gate | null {
  const town = townRow(ctx);
  if (town.paused_at === null) return null;
  return {
    code: "paused",
    message: `the town is paused${town.paused_reason ? `: ${town.paused_reason}` : ""}`,
  };
}

function budgetGate(ctx: Ctx, rig: RigRow): Gate | null {
  const budget = budgetWait(ctx, { beadId: null, convoyId: null, rigId: rig.id }, SHARED);
  return budget && { ...budget, code: "budget" };
}

function breakerOpen(ctx: Ctx): Gate | null {
  const breaker = breakerGate(ctx);
  if (breaker.type !== "open") return null;
  return {
    code: "breaker",
    message: breaker.message,
    ...(breaker.until === null ? {} : { until: breaker.until }),
  };
}

/** The host runs as many runners as it may. */
function roomGate(ctx: Ctx): Gate | null {
  const { no_room: message } = townRow(ctx);
  return message === null ? null : { code: "runner_unavailable", message };
}

function repositoryGate(rig: RigRow): Gate | null {
  if (rig.state === "ready") return null;
  const message =
    rig.state === "pending"
      ? "its repository is being set up"
      : (rig.reason ?? "its repository cannot be used");
  return { code: "runner_unavailable", message };
}

/** Keeps `since` while the code stays the same; nothing is written where nothing changed. */
function keepGate(ctx: Ctx, rig: RigRow, gate: Gate | null): void {
  const old = readGate(rig);
  const since = old !== null && old.code === gate?.code ? old.since : ctx.now;
  const next = gate === null ? null : toJson({ ...gate, since });
  if (next !== rig.gate) ctx.sql.run("update rigs set gate = ? where id = ?", next, rig.id);
}

/** Something that could start now, and its place in the order in which slots are given. */
interface Candidate {
  /** The bead or merge request. */
  id: string;
  /** 0 review, 1 fix bead, 2 new work. */
  class: number;
  priority: number;
  convoyAt: number;
  createdAt: number;
  charged: Charged;
  /** Returns the session's id. */
  start: () => string;
}

/**
 * While the town has agents for all that this rig could start, the rig decides alone. When it has not,
 * the best of the whole town come first: else the rig that is asked first would take every slot.
 */
function fillSlots(ctx: Ctx, rig: RigRow): void {
  const breaker = breakerGate(ctx);
  if (breaker.type === "probe") return probe(ctx, breaker.not);
  const free = freeAgents(ctx);
  if (free <= 0) return;
  const own = candidatesOf(ctx, rig);
  if (own.length === 0) return;
  const enough = own.length + readyElsewhere(ctx, rig.id, free) <= free;
  const chosen = enough ? own : candidatesOfTown(ctx).slice(0, free);
  for (const candidate of chosen) {
    // Each start reserves what it is likely to cost: the one before may have taken the rest.
    if (budgetWait(ctx, candidate.charged, EVERY) === null) candidate.start();
  }
}

/** How much other rigs could start, counted no further than the slots that there are. */
function readyElsewhere(ctx: Ctx, rigId: string, slots: number): number {
  const row = ctx.sql.get<{ n: number }>(
    `select count(*) as n from (
       select 1 from beads where ready = 1 and rig_id <> ?1
       union all
       select 1 from merge_requests where review_wanted = 1 and rig_id <> ?1
       limit ?2)`,
    rigId,
    slots,
  );
  return row?.n ?? 0;
}

/** One session, of another bead than the last probe's where there is another. */
function probe(ctx: Ctx, not: string | null): void {
  if (freeAgents(ctx) <= 0) return;
  const all = candidatesOfTown(ctx);
  const candidate = all.find(({ id }) => id !== not) ?? all[0];
  if (candidate) breakerProbeStarted(ctx, candidate.start(), candidate.id);
}

function candidatesOfTown(ctx: Ctx): Candidate[] {
  return rigRows(ctx)
    .filter((rig) => sharedGate(ctx, rig) === null)
    .flatMap((rig) => candidatesOf(ctx, rig))
    .toSorted(byOrder);
}

function byOrder(a: Candidate, b: Candidate): number {
  return (
    a.class - b.class ||
    b.priority - a.priority ||
    a.convoyAt - b.convoyAt ||
    a.createdAt - b.createdAt ||
    (a.id < b.id ? -1 : 1)
  );
}

/** What the rig's own limits leave room for, best first. */
function candidatesOf(ctx: Ctx, rig: RigRow): Candidate[] {
  return [...reviewCandidates(ctx, rig), ...beadCandidates(ctx, rig)];
}

/** How many sessions may still begin: the town's limit, mayor not counted. */
export function freeAgents(ctx: Ctx): number {
  const live = ctx.sql.get<{ n: number }>(
    "select count(*) as n from sessions where state <> 'ended' and role <> 'mayor'",
  );
  return settings(ctx, null).limits.max_agents - (live?.n ?? 0);
}

function liveInRig(ctx: Ctx, rigId: string, role: string): number {
  const row = ctx.sql.get<{ n: number }>(
    "select count(*) as n from sessions where rig_id = ? and role = ? and state <> 'ended'",
    rigId,
    role,
  );
  return row?.n ?? 0;
}

/** How many reviews whose own budget is used up are looked past for one that may begin. */
const LOOK_PAST = 20;

function reviewCandidates(ctx: Ctx, rig: RigRow): Candidate[] {
  const slots = settings(ctx, rig.id).review.parallel_reviews - liveInRig(ctx, rig.id, "refinery");
  if (slots <= 0) return [];
  // "+": the index that keeps the order, not the one of those that rest, which would have to be sorted.
  const wanted = ctx.sql.all<MergeRow>(
    `select * from merge_requests where rig_id = ? and review_wanted = 1 and +cooldown_until <= ?
     order by priority desc, convoy_at, created_at, bead_id limit ?`,
    rig.id,
    ctx.now,
    slots + LOOK_PAST,
  );
  const able = wanted.filter((merge) => budgetWait(ctx, chargedForMerge(merge), OWN) === null);
  return able.slice(0, slots).map((merge) => ({
    id: merge.bead_id,
    class: 0,
    priority: merge.priority,
    convoyAt: merge.convoy_at,
    createdAt: merge.created_at,
    charged: chargedForMerge(merge),
    start: () => startReview(ctx, merge, rig),
  }));
}

function startReview(ctx: Ctx, merge: MergeRow, rig: RigRow): string {
  const sessionId = startRefinery(ctx, merge, rig);
  moveMerge(ctx, merge, {
    to: "reviewing",
    kind: "review.started",
    text: `Review of ${mergeTitle(ctx, merge)} begins at ${merge.head_sha.slice(0, 8)}`,
    data: { sessionId },
  });
  return sessionId;
}

/** When the next review that rests may begin. */
function nextReviewAt(ctx: Ctx, rigId: string): number | null {
  return (
    ctx.sql.get<{ at: number | null }>(
      "select min(cooldown_until) as at from merge_requests where rig_id = ? and review_wanted = 1 and cooldown_until > ?",
      rigId,
      ctx.now,
    )?.at ?? null
  );
}

function beadCandidates(ctx: Ctx, rig: RigRow): Candidate[] {
  const slots = settings(ctx, rig.id).limits.max_polecats_per_rig - liveInRig(ctx, rig.id, "polecat");
  if (slots <= 0) return [];
  const beads = ctx.sql.all<BeadRow>(
    `select * from beads where rig_id = ? and ready = 1
     order by dispatch_class, priority desc, convoy_at, created_at, id limit ?`,
    rig.id,
    slots,
  );
  return beads
    .filter((bead) => hasBudget(ctx, bead))
    .map((bead) => ({
      id: bead.id,
      class: bead.dispatch_class,
      priority: bead.priority,
      convoyAt: bead.convoy_at,
      createdAt: bead.created_at,
      charged: chargedForBead(ctx, bead),
      start: () => startPolecat(ctx, bead, rig, isFix(bead) ? mergeOfFix(ctx, bead.id) : undefined),
    }));
}

/** It was ready when it was looked at; a session of its convoy may have used the budget up since. */
function hasBudget(ctx: Ctx, bead: BeadRow): boolean {
  if (budgetWait(ctx, chargedForBead(ctx, bead), OWN) === null) return true;
  ctx.sql.run("update beads set ready = 0 where id = ?", bead.id);
  schedule(ctx, "bead", bead.id);
  if (bead.rig_id) schedule(ctx, "dispatch", bead.rig_id);
  return false;
}
