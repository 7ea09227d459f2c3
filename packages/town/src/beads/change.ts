/** Changing, reassigning and deleting beads (spec/api.md §3.5). Each is one transaction of its caller. */
import { GastownError, type UpdateBeadBody } from "@gastown/protocol";
import { findAgent } from "../agents/agents.ts";
import { audit } from "../audit/audit.ts";
import { wakeBlockedBy } from "../dependents.ts";
import { mootEscalations } from "../escalations/escalations.ts";
import type { Ctx } from "../kernel/context.ts";
import { toJson } from "../kernel/json.ts";
import { schedule, unschedule } from "../kernel/schedule.ts";
import { cancelPending } from "../outbox/outbox.ts";
import { dismissMerge } from "../reviews/fail.ts";
import { liveMergeOf } from "../reviews/merge-row.ts";
import { findRig } from "../rigs/rigs.ts";
import { closeSession } from "../sessions/close.ts";
import { choiceChanged } from "../sessions/model-gone.ts";
import { liveSessionOfBead } from "../sessions/session-row.ts";
import { requestStop } from "../sessions/stop.ts";
import { findBead, PRIORITIES, setVersion, type BeadRow } from "./bead-row.ts";
import { addBlocker } from "./dependencies.ts";

/** Returns its id. Throws `dependency_cycle`, `invalid_transition` where a field is fixed by now. */
export function updateBead(ctx: Ctx, ref: string, body: UpdateBeadBody): string {
  const bead = findBead(ctx, ref);
  const priority = body.priority === undefined ? bead.priority : PRIORITIES.indexOf(body.priority);
  ctx.sql.run(
    `update beads set title = ?, body = ?, priority = ?, labels = ?, metadata = ?, parent_id = ?, rig_id = ?,
       model = ?, runtime = ? where id = ?`,
    body.title?.trim() ?? bead.title,
    body.body ?? bead.body,
    priority,
    body.labels === undefined ? bead.labels : toJson(body.labels),
    body.metadata === undefined ? bead.metadata : toJson(body.metadata),
    body.parentId === undefined ? bead.parent_id : parentOf(ctx, bead, body.parentId),
    body.rigId === undefined ? bead.rig_id : rigOf(ctx, bead, body.rigId),
    body.model === undefined ? bead.model : body.model,
    body.runtime === undefined ? bead.runtime : body.runtime,
    bead.id,
  );
  if (body.dependsOn !== undefined) replaceBlockers(ctx, bead, body.dependsOn);
  if (body.model !== undefined || body.runtime !== undefined) choiceChanged(ctx, bead.id);
  const merge = liveMergeOf(ctx, bead.id);
  if (merge) ctx.sql.run("update merge_requests set priority = ? where bead_id = ?", priority, merge.bead_id);
  const keys = Object.keys(body);
  const seq = audit(ctx, {
    kind: "bead.updated",
    subject: { type: "bead", id: bead.id },
    beadId: bead.id,
    rigId: bead.rig_id,
    convoyId: bead.convoy_id,
    text: `${bead.title}: ${keys.join(", ")} changed by ${ctx.actor.name}`,
    data: { keys },
  });
  setVersion(ctx, bead.id, seq);
  schedule(ctx, "bead", bead.id);
  if (bead.convoy_id) schedule(ctx, "convoy", bead.convoy_id);
  return bead.id;
}

function parentOf(ctx: Ctx, bead: BeadRow, ref: string | null): string | null {
  const parent = ref === null ? null : findBead(ctx, ref);
  if (parent?.id === bead.id)
    throw new GastownError("invalid_dependency", "A bead cannot be its own parent. Leave parentId out.");
  return parent?.id ?? null;
}

/** A bead moves to another repository only while nobody has begun it. */
function rigOf(ctx: Ctx, bead: BeadRow, ref: string): string {
  const rig = findRig(ctx, ref);
  if (rig.id === bead.rig_id) return rig.id;
  if (bead.type !== "issue" || bead.status !== "open" || bead.sessions_count > 0 || bead.convoy_id !== null)
    throw new GastownError(
      "invalid_transition",
      `${bead.title} cannot change its rig any more: only an open bead outside a convoy that was never started can.`,
    );
  return rig.id;
}

function replaceBlockers(ctx: Ctx, bead: BeadRow, refs: readonly string[]): void {
  if (bead.type !== "issue" || bead.status !== "open")
    throw new GastownError(
      "invalid_transition",
      `${bead.title} is ${bead.status.replace("_", " ")}: what it waits for can be changed only while it is open.`,
    );
  const blockers = refs.map((ref) => findBead(ctx, ref).id);
  ctx.sql.run("delete from dependencies where from_id = ? and kind = 'blocks'", bead.id);
  for (const on of blockers) addBlocker(ctx, bead.id, on);
}

export interface Reassignment {
  agentId?: string | undefined;
  avoidAgentId?: string | undefined;
}

/** Ends its live session (work saved, nothing counted) and says who should, or should not, go on. */
export function reassignBead(ctx: Ctx, ref: string, wish: Reassignment): string {
  const bead = findBead(ctx, ref);
  if (bead.type !== "issue" || (bead.status !== "open" && bead.status !== "in_progress"))
    throw new GastownError(
      "invalid_transition",
      `${bead.title} is ${bead.status.replace("_", " ")}; only work that is open or in progress has an agent.`,
    );
  const prefer = wish.agentId === undefined ? null : worker(ctx, bead, wish.agentId);
  const avoid = wish.avoidAgentId === undefined ? null : worker(ctx, bead, wish.avoidAgentId);
  ctx.sql.run(
    "update beads set prefer_agent = ?, avoid_agent = ?, cooldown_until = 0 where id = ?",
    prefer,
    avoid,
    bead.id,
  );
  const session = liveSessionOfBead(ctx, bead.id);
  if (session && session.agent_id !== prefer)
    requestStop(ctx, session, "now", `reassigned by ${ctx.actor.name}`);
  const seq = audit(ctx, {
    kind: "bead.reassigned",
    subject: { type: "bead", id: bead.id },
    beadId: bead.id,
    rigId: bead.rig_id,
    agentId: prefer,
    text: `${bead.title} is reassigned by ${ctx.actor.name}`,
    data: { prefer, avoid },
  });
  setVersion(ctx, bead.id, seq);
  schedule(ctx, "bead", bead.id);
  return bead.id;
}

function worker(ctx: Ctx, bead: BeadRow, ref: string): string {
  const agent = findAgent(ctx, ref);
  if (agent.role === "polecat" && agent.rig_id === bead.rig_id) return agent.id;
  throw new GastownError(
    "validation_failed",
    `${agent.name} is a ${agent.role}${agent.rig_id === bead.rig_id ? "" : " of another rig"}; this bead needs a polecat of its own rig.`,
  );
}

/**
 * Forgets an issue with its edges, merge requests and effects; its branch stays. Throws `has_live_work`
 * unless `force`, which stops its session and dismisses its merge request first.
 */
export function deleteBead(ctx: Ctx, ref: string, force: boolean): void {
  const bead = findBead(ctx, ref);
  if (bead.type !== "issue")
    throw new GastownError(
      "invalid_transition",
      `${ref} is a ${bead.type.replace("_", " ")}; only a unit of work can be deleted. Close it instead.`,
    );
  const session = liveSessionOfBead(ctx, bead.id);
  const merge = liveMergeOf(ctx, bead.id);
  if (merge?.state === "landing")
    throw new GastownError("has_live_work", `${bead.title} is landing just now. Wait for the end of that.`);
  if ((session || merge) && !force)
    throw new GastownError(
      "has_live_work",
      `${bead.title} is ${bead.status.replace("_", " ")}. Close it first, or delete it with --force.`,
    );
  if (merge) dismissMerge(ctx, merge, `${bead.title} was deleted by ${ctx.actor.name}`);
  if (session)
    closeSession(ctx, session, {
      outcome: "stopped",
      reason: { code: "stopped", message: "its bead was deleted" },
      gone: false,
    });
  mootEscalations(ctx, bead.id);
  wakeBlockedBy(ctx, bead.id);
  audit(ctx, {
    kind: "bead.deleted",
    subject: { type: "bead", id: bead.id },
    beadId: bead.id,
    rigId: bead.rig_id,
    convoyId: bead.convoy_id,
    text: `${bead.title} was deleted by ${ctx.actor.name}`,
  });
  removeRows(ctx, bead);
}

function removeRows(ctx: Ctx, bead: BeadRow): void {
  const merges = ctx.sql
    .all<{ id: string }>("select bead_id as id from merge_requests where source_id = ?", bead.id)
    .map(({ id }) => id);
  for (const id of [bead.id, ...merges]) {
    ctx.sql.run("delete from merge_requests where bead_id = ?", id);
    ctx.sql.run("delete from molecule_steps where bead_id = ?", id);
    ctx.sql.run("delete from dependencies where from_id = ?1 or to_id = ?1", id);
    ctx.sql.run("update beads set parent_id = null where parent_id = ?", id);
    ctx.sql.run("delete from beads where id = ?", id);
    unschedule(ctx, "bead", id);
    unschedule(ctx, "merge", id);
    cancelPending(ctx, id);
  }
  if (bead.convoy_id) schedule(ctx, "convoy", bead.convoy_id);
}
