/** What something waits for, in the shape that people and scripts see (spec/api.md §3.6). */
import { waitingCode, type WaitingCode, type WaitingOn } from "@gastown/protocol";
import type { BeadRow } from "../beads/bead-row.ts";
import { isDone } from "../beads/done.ts";
import { readWaiting, type StoredWaiting } from "../beads/waiting.ts";
import { budgetWait, OWN } from "../budgets/budgets.ts";
import { chargedForMerge } from "../budgets/charged.ts";
import { settings } from "../config/store.ts";
import { members } from "../convoys/convoys.ts";
import { readGate, type SharedGate } from "../controllers/dispatch.ts";
import type { Ctx } from "../kernel/context.ts";
import { iso } from "../kernel/iso.ts";
import { latestMergeOf, mergeRow, type MergeRow } from "../reviews/merge-row.ts";
import { passingRefusal } from "../sessions/refusals.ts";
import { liveSessionOfBead } from "../sessions/session-row.ts";
import { agentWait } from "../sessions/session-wait.ts";
import { placesInQueue } from "./queue.ts";

/** The first that holds, in the order of `waitingCode`: the bead's own reason, its rig's gate, its place in the queue. */
export function waitingOf(
  ctx: Ctx,
  row: BeadRow,
  placeOf: (row: BeadRow) => number = placesInQueue(ctx, [row]),
): WaitingOn | undefined {
  if (row.type === "merge_request") return mergeWaiting(ctx, row.id);
  if (row.type === "convoy") return convoyWaiting(ctx, row);
  if (row.type === "escalation") return answerWaiting(row);
  if (row.status === "in_review") {
    const merge = latestMergeOf(ctx, row.id);
    return merge ? mergeWaiting(ctx, merge.bead_id) : undefined;
  }
  if (row.type !== "issue") return undefined;
  if (row.status === "in_progress") {
    const session = liveSessionOfBead(ctx, row.id);
    return session && agentWait(ctx, session);
  }
  if (row.status !== "open") return undefined;
  const own = readWaiting(row.waiting);
  const gate = gateOf(ctx, row);
  if (own && !(gate && comesBefore(gate.code, own.code))) return toWaitingOn(ctx, own);
  if (!row.rig_id || (own === null && row.ready === 0)) return undefined;
  return gate ? toWaitingOn(ctx, gate) : noSlot(ctx, row, placeOf(row));
}

function gateOf(ctx: Ctx, row: { rig_id: string | null }): SharedGate | null {
  const rig = row.rig_id
    ? ctx.sql.get<{ gate: string | null }>("select gate from rigs where id = ?", row.rig_id)
    : undefined;
  return rig ? readGate(rig) : null;
}

function comesBefore(one: WaitingCode, other: WaitingCode): boolean {
  return waitingCode.options.indexOf(one) < waitingCode.options.indexOf(other);
}

const LISTED = 20;

/** What is left of it. */
function convoyWaiting(ctx: Ctx, row: BeadRow): WaitingOn | undefined {
  if (row.status === "closed" || row.status === "failed") return undefined;
  const convoy = ctx.sql.get<{ state: string }>("select state from convoys where bead_id = ?", row.id);
  if (convoy?.state === "staged")
    return { code: "staged", since: iso(row.created_at), message: "has not been started" };
  const landing = ctx.sql.all<{ id: string }>(
    "select bead_id as id from merge_requests where source_id = ? and state not in ('merged', 'failed')",
    row.id,
  );
  const left = landing.length > 0 ? landing : members(ctx, row.id).filter((bead) => !isDone(bead));
  return toWaitingOn(ctx, {
    code: "members",
    since: row.updated_at,
    ids: left.slice(0, LISTED).map(({ id }) => id),
    message: landing.length > 0 ? "its landing is under way" : `${left.length} of its beads are not done`,
  });
}

function answerWaiting(row: BeadRow): WaitingOn | undefined {
  if (row.status !== "open") return undefined;
  return { code: "question", since: iso(row.created_at), message: "waits for the answer of a person" };
}

/** Its place among what is ready in its rig, and the limit that keeps it. */
function noSlot(ctx: Ctx, row: BeadRow, position: number): WaitingOn {
  const { limits } = settings(ctx, row.rig_id);
  const holders = ctx.sql.all<{ bead_id: string }>(
    "select bead_id from sessions where rig_id = ? and role = 'polecat' and state <> 'ended' order by started_at",
    row.rig_id,
  );
  const full = holders.length >= limits.max_polecats_per_rig;
  const limit = full ? limits.max_polecats_per_rig : limits.max_agents;
  return {
    ...toWaitingOn(ctx, {
      code: "no_slot",
      since: row.updated_at,
      ids: holders.slice(0, LISTED).map(({ bead_id }) => bead_id),
      limit: full ? "limits.max_polecats_per_rig" : "limits.max_agents",
      message: `is number ${position} in the queue for one of ${limit} agents`,
    }),
    position,
  };
}

export function mergeWaiting(ctx: Ctx, mergeId: string): WaitingOn | undefined {
  const merge = mergeRow(ctx, mergeId);
  const stored = readWaiting(merge?.waiting ?? null);
  if (!merge || !stored) return undefined;
  if (stored.code === "review_slot") return toWaitingOn(ctx, reviewKeptBy(ctx, merge) ?? stored);
  const reviewer = stored.code === "verdict" ? liveSessionOfBead(ctx, merge.bead_id) : undefined;
  return (reviewer && agentWait(ctx, reviewer)) ?? toWaitingOn(ctx, stored);
}

/** A review passes the gates of its rig, and the budgets of what it is for, like any other start. */
function reviewKeptBy(ctx: Ctx, merge: MergeRow): WaitingNow | null {
  const gate = gateOf(ctx, merge);
  const budget = budgetWait(ctx, chargedForMerge(merge), OWN);
  if (gate && !(budget && comesBefore(budget.code, gate.code))) return gate;
  if (budget) return { ...budget, since: merge.updated_at };
  const refusal = merge.cooldown_until > ctx.now ? passingRefusal(ctx, merge.bead_id) : null;
  if (refusal === null) return null;
  const { cooldown_until: until, updated_at: since } = merge;
  return { code: "review_slot", since, until, message: `waits for a reviewer: ${refusal.message}` };
}

type WaitingNow = Pick<StoredWaiting, "code" | "since" | "message"> & Partial<StoredWaiting>;

function toWaitingOn(ctx: Ctx, stored: WaitingNow): WaitingOn {
  const objects = (stored.ids ?? []).map((id) => {
    const bead = ctx.sql.get<{ title: string; status: string }>(
      "select title, status from beads where id = ?",
      id,
    );
    return { id, title: bead?.title ?? id, status: bead?.status ?? "unknown" };
  });
  return {
    code: stored.code,
    since: iso(stored.since),
    ...(stored.until === undefined ? {} : { until: iso(stored.until) }),
    ...(stored.limit === undefined ? {} : { limit: stored.limit }),
    ...(objects.length > 0 ? { objects } : {}),
    message: stored.message,
  };
}
