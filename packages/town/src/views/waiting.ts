/** What something waits for, in the shape that people and scripts see (spec/api.md §3.6). */
import { waitingCode, type WaitingCode, type WaitingOn } from "@gastown/protocol";
import type { BeadRow } from "../beads/bead-row.ts";
import { readWaiting, type StoredWaiting } from "../beads/waiting.ts";
import { budgetWait, OWN } from "../budgets/budgets.ts";
import { chargedForMerge } from "../budgets/charged.ts";
import { readGate, type SharedGate } from "../controllers/dispatch.ts";
import type { Ctx } from "../kernel/context.ts";
import { iso } from "../kernel/iso.ts";
import { latestMergeOf, mergeRow, type MergeRow } from "../reviews/merge-row.ts";

/** The first that holds, in the order of `waitingCode`: the bead's own reason, its rig's gate, its place in the queue. */
export function waitingOf(ctx: Ctx, row: BeadRow): WaitingOn | undefined {
  if (row.type === "merge_request") return mergeWaiting(ctx, row.id);
  if (row.status === "in_review") {
    const merge = latestMergeOf(ctx, row.id);
    return merge ? mergeWaiting(ctx, merge.bead_id) : undefined;
  }
  if (row.type !== "issue" || row.status !== "open") return undefined;
  const own = readWaiting(row.waiting);
  const gate = gateOf(ctx, row);
  if (own && !(gate && comesBefore(gate.code, own.code))) return toWaitingOn(ctx, own);
  if (!row.rig_id || (own === null && row.ready === 0)) return undefined;
  return gate ? toWaitingOn(ctx, gate) : noSlot(ctx, row);
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

function noSlot(ctx: Ctx, row: BeadRow): WaitingOn {
  const before = ctx.sql.get<{ n: number }>(
    `select count(*) as n from beads where rig_id = ?1 and ready = 1 and id <> ?2
       and (dispatch_class < ?3 or (dispatch_class = ?3 and (priority > ?4 or (priority = ?4 and (created_at, id) < (?5, ?2)))))`,
    row.rig_id,
    row.id,
    row.dispatch_class,
    row.priority,
    row.created_at,
  );
  const position = (before?.n ?? 0) + 1;
  return {
    code: "no_slot",
    since: iso(row.updated_at),
    position,
    message: `is number ${position} in the queue for a free agent`,
  };
}

export function mergeWaiting(ctx: Ctx, mergeId: string): WaitingOn | undefined {
  const merge = mergeRow(ctx, mergeId);
  const stored = readWaiting(merge?.waiting ?? null);
  if (!merge || !stored) return undefined;
  return toWaitingOn(ctx, (stored.code === "review_slot" ? reviewKeptBy(ctx, merge) : null) ?? stored);
}

/** A review passes the gates of its rig, and the budgets of what it is for, like any other start. */
function reviewKeptBy(ctx: Ctx, merge: MergeRow): WaitingNow | null {
  const gate = gateOf(ctx, merge);
  const budget = budgetWait(ctx, chargedForMerge(merge), OWN);
  if (gate && !(budget && comesBefore(budget.code, gate.code))) return gate;
  return budget && { ...budget, since: merge.updated_at };
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
