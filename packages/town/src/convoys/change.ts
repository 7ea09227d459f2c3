/**
 * Changing a convoy and its members (spec/api.md §3.7). From `landing` on nothing of it changes any more.
 * What its members were begun with stays: their branches start from its feature branch and land there.
 */
import {
  GastownError,
  type AddToConvoyBody,
  type SlingConvoyBody,
  type UpdateConvoyBody,
} from "@gastown/protocol";
import { audit } from "../audit/audit.ts";
import { findBead, setVersion, type BeadRow } from "../beads/bead-row.ts";
import { addBlocker, refuseCycle } from "../beads/dependencies.ts";
import { mootEscalations } from "../escalations/escalations.ts";
import type { Ctx } from "../kernel/context.ts";
import { schedule } from "../kernel/schedule.ts";
import { cancelPending } from "../outbox/outbox.ts";
import { liveMergeOf } from "../reviews/merge-row.ts";
import { findRig } from "../rigs/rigs.ts";
import { liveSessionOfBead } from "../sessions/session-row.ts";
import { branchesOf, branchSubject, convoyPrefix, makeBranches, wantBranch } from "./branches.ts";
import { findConvoy, insertTask, members, type ConvoyRow } from "./convoys.ts";

/** Returns its id. Throws `convoy_finished`, and `invalid_transition` where work has begun by the old plan. */
export function updateConvoy(ctx: Ctx, ref: string, body: UpdateConvoyBody): string {
  const convoy = changeable(ctx, ref);
  const { title, mode, featureBranch } = body;
  // The branch's default name was made from the title; it stays what it is.
  if (title !== undefined)
    ctx.sql.run("update beads set title = ? where id = ?", title.trim(), convoy.bead_id);
  if (mode !== undefined || featureBranch !== undefined) plan(ctx, convoy, body);
  record(ctx, convoy, "convoy.updated", `${Object.keys(body).join(", ")} changed by ${ctx.actor.name}`, {
    keys: Object.keys(body),
  });
  return convoy.bead_id;
}

/** Where members land is settled when the first of them begins. */
function plan(ctx: Ctx, convoy: ConvoyRow, { mode = convoy.mode, featureBranch }: UpdateConvoyBody): void {
  const id = convoy.bead_id;
  const all = members(ctx, id);
  const begun = all.find((bead) => bead.sessions_count > 0);
  if (begun)
    throw new GastownError(
      "invalid_transition",
      `${begun.title} has begun already: its work lands where it was planned to. Mode and branch can be changed only before that.`,
    );
  if (mode === "review-and-merge" && featureBranch !== undefined)
    throw new GastownError(
      "validation_failed",
      "Members of a review-and-merge convoy land in the default branch by themselves; it has no feature branch.",
    );
  const branch =
    featureBranch ?? branchesOf(ctx, id)[0]?.branch ?? `${convoyPrefix(titleOf(ctx, id), id)}/head`;
  if (featureBranch !== undefined) assertFree(ctx, id, featureBranch);
  for (const { rig_id } of branchesOf(ctx, id)) cancelPending(ctx, branchSubject(id, rig_id));
  ctx.sql.run("delete from convoy_branches where convoy_id = ?", id);
  ctx.sql.run("update convoys set mode = ? where bead_id = ?", mode, id);
  if (mode === "review-then-land") for (const rigId of rigsOf(all)) wantBranch(ctx, id, rigId, branch);
  if (convoy.state === "active") makeBranches(ctx, id);
  for (const bead of all) schedule(ctx, "bead", bead.id);
}

function rigsOf(beads: readonly BeadRow[]): Set<string> {
  return new Set(beads.flatMap(({ rig_id }) => rig_id ?? []));
}

/** Two convoys in one branch would land each other's work, and a default branch is no feature branch. */
function assertFree(ctx: Ctx, convoyId: string, branch: string): void {
  const taken =
    ctx.sql.get("select 1 from convoy_branches where branch = ? and convoy_id <> ?", branch, convoyId) ??
    ctx.sql.get("select 1 from rigs where default_branch = ?", branch);
  if (taken)
    throw new GastownError(
      "already_exists",
      `The branch ${branch} is used for something else. Name another.`,
    );
}

/** Adds an open bead that nobody has begun, or a new task. Returns the convoy's id. */
export function addToConvoy(ctx: Ctx, ref: string, body: AddToConvoyBody): string {
  const convoy = changeable(ctx, ref);
  const id = convoy.bead_id;
  const bead = "task" in body ? newTask(ctx, id, body.task) : joining(ctx, id, body.beadId);
  for (const on of body.dependsOn ?? []) addBlocker(ctx, bead.id, findBead(ctx, on).id);
  if (convoy.mode === "review-then-land" && bead.rig_id !== null) {
    const branch = branchesOf(ctx, id)[0]?.branch ?? `${convoyPrefix(titleOf(ctx, id), id)}/head`;
    wantBranch(ctx, id, bead.rig_id, branch);
    if (convoy.state === "active") makeBranches(ctx, id);
  }
  schedule(ctx, "bead", bead.id);
  schedule(ctx, "convoy", id);
  record(ctx, convoy, "convoy.bead_added", `${bead.title} was added by ${ctx.actor.name}`, {
    beadId: bead.id,
  });
  return id;
}

function newTask(ctx: Ctx, convoyId: string, task: SlingConvoyBody["tasks"][number]): BeadRow {
  const own = ctx.sql.get<{ rig_id: string | null }>("select rig_id from beads where id = ?", convoyId);
  const rig = findRig(ctx, task.rigId ?? own?.rig_id ?? "");
  return findBead(ctx, insertTask(ctx, task, rig.id, convoyId));
}

function joining(ctx: Ctx, convoyId: string, ref: string): BeadRow {
  const bead = findBead(ctx, ref);
  if (bead.convoy_id === convoyId) return bead;
  if (bead.type !== "issue" || bead.kind !== "work" || bead.status !== "open" || bead.sessions_count > 0)
    throw new GastownError(
      "invalid_transition",
      `${bead.title} cannot join a convoy: only an open unit of work that nobody has begun can.`,
    );
  if (bead.convoy_id !== null)
    throw new GastownError(
      "invalid_transition",
      `${bead.title} belongs to another convoy. Remove it there first.`,
    );
  // The convoy would wait for it, and it for the convoy.
  refuseCycle(ctx, convoyId, bead.id);
  ctx.sql.run("update beads set convoy_id = ?, parent_id = ? where id = ?", convoyId, convoyId, bead.id);
  return findBead(ctx, bead.id);
}

/** It goes on alone, without its edges to the others. Returns the convoy's id. */
export function removeFromConvoy(ctx: Ctx, ref: string, beadRef: string): string {
  const convoy = changeable(ctx, ref);
  const bead = findBead(ctx, beadRef);
  if (bead.convoy_id !== convoy.bead_id)
    throw new GastownError("not_found", `${beadRef} is not a bead of this convoy.`);
  assertIdle(ctx, bead);
  const others = members(ctx, convoy.bead_id).filter(({ id }) => id !== bead.id);
  if (others.length === 0)
    throw new GastownError(
      "invalid_transition",
      "It is the last bead of this convoy. Close the convoy instead.",
    );
  for (const { id } of others) {
    ctx.sql.run(
      "delete from dependencies where kind = 'blocks' and (from_id = ?1 and to_id = ?2 or from_id = ?2 and to_id = ?1)",
      bead.id,
      id,
    );
    schedule(ctx, "bead", id);
  }
  // What an earlier attempt saved stands on the feature branch: the next one begins anew where it lands now.
  ctx.sql.run("update beads set convoy_id = null, parent_id = null, fresh = 1 where id = ?", bead.id);
  mootEscalations(ctx, convoy.bead_id, "convoy_held");
  schedule(ctx, "bead", bead.id);
  schedule(ctx, "convoy", convoy.bead_id);
  record(ctx, convoy, "convoy.bead_removed", `${bead.title} was taken out by ${ctx.actor.name}`, {
    beadId: bead.id,
  });
  return convoy.bead_id;
}

function assertIdle(ctx: Ctx, bead: BeadRow): void {
  if (bead.status !== "open" && bead.status !== "failed")
    throw new GastownError(
      bead.status === "closed" ? "invalid_transition" : "has_live_work",
      `${bead.title} is ${bead.status.replace("_", " ")}: only an open or failed bead can be taken out. Stop or waive it.`,
    );
  if (liveSessionOfBead(ctx, bead.id) || liveMergeOf(ctx, bead.id))
    throw new GastownError("has_live_work", `${bead.title} is still being ended. Try again in a moment.`);
}

function changeable(ctx: Ctx, ref: string): ConvoyRow {
  const convoy = findConvoy(ctx, ref);
  if (convoy.state === "staged" || convoy.state === "active") return convoy;
  throw new GastownError(
    "convoy_finished",
    `This convoy is ${convoy.state}; it cannot be changed any more${convoy.state === "failed" ? " before it is retried" : ""}.`,
  );
}

function titleOf(ctx: Ctx, id: string): string {
  return ctx.sql.get<{ title: string }>("select title from beads where id = ?", id)?.title ?? "";
}

function record(
  ctx: Ctx,
  { bead_id: id }: ConvoyRow,
  kind: string,
  what: string,
  data: Record<string, unknown>,
): void {
  const bead = findBead(ctx, id);
  const seq = audit(ctx, {
    kind,
    subject: { type: "bead", id },
    convoyId: id,
    rigId: bead.rig_id,
    text: `Convoy ${bead.title}: ${what}`,
    data,
  });
  setVersion(ctx, id, seq);
}
