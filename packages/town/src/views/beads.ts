/** Stored beads in the shape that people and scripts see (spec/api.md §3.0). */
import { shortId, type Bead, type BeadDetail, type WaitingOn } from "@gastown/protocol";
import { z } from "zod";
import { readFeed } from "../audit/audit.ts";
import { PRIORITIES, type BeadRow } from "../beads/bead-row.ts";
import { blockedBy, blockersOf } from "../beads/dependencies.ts";
import { readWaiting, type StoredWaiting } from "../beads/waiting.ts";
import { readGate } from "../controllers/dispatch.ts";
import type { Ctx } from "../kernel/context.ts";
import { iso, isoOrNull } from "../kernel/iso.ts";
import { fromJson } from "../kernel/json.ts";
import { latestMergeOf, mergeRow } from "../reviews/merge-row.ts";
import { sessionsOfBead, toMergeRequest } from "./work.ts";

const labelsSchema = z.array(z.string());
const metadataSchema = z.record(z.string(), z.unknown());
const actorSchema = z.object({ kind: z.string(), id: z.string(), name: z.string() });

export function toBead(ctx: Ctx, row: BeadRow): Bead {
  const assignee = ctx.sql.get<{ agent_id: string; name: string; session_id: string }>(
    `select s.agent_id, a.name, s.id as session_id from sessions s join agents a on a.id = s.agent_id
     where s.bead_id = ? and s.state <> 'ended'`,
    row.id,
  );
  const waiting = waitingOf(ctx, row);
  return {
    id: row.id,
    shortId: shortId(row.id),
    type: row.type,
    kind: row.kind,
    status: row.status,
    reason: row.reason,
    title: row.title,
    body: row.body,
    rigId: row.rig_id,
    convoyId: row.convoy_id,
    parentId: row.parent_id,
    priority: PRIORITIES[row.priority] ?? "medium",
    labels: fromJson(labelsSchema, row.labels) ?? [],
    metadata: fromJson(metadataSchema, row.metadata) ?? {},
    held: row.held !== null,
    ...(waiting ? { waitingOn: waiting } : {}),
    ...(assignee
      ? { assignee: { agentId: assignee.agent_id, name: assignee.name, sessionId: assignee.session_id } }
      : {}),
    startFailures: row.start_failures,
    runFailures: row.run_failures,
    createdBy: fromJson(actorSchema, row.created_by) ?? { kind: "unknown", id: "unknown", name: "unknown" },
    createdAt: iso(row.created_at),
    updatedAt: iso(row.updated_at),
    closedAt: isoOrNull(row.closed_at),
    version: row.version,
  };
}

/** The first that holds: the bead's own reason, then its rig's gate, then its place in the queue. */
export function waitingOf(ctx: Ctx, row: BeadRow): WaitingOn | undefined {
  if (row.type === "merge_request") return mergeWaiting(ctx, row.id);
  if (row.status === "in_review") {
    const merge = latestMergeOf(ctx, row.id);
    return merge ? mergeWaiting(ctx, merge.bead_id) : undefined;
  }
  if (row.type !== "issue" || row.status !== "open") return undefined;
  const own = readWaiting(row.waiting);
  if (own) return toWaitingOn(ctx, own);
  if (!row.rig_id || row.ready === 0) return undefined;
  const rig = ctx.sql.get<{ gate: string | null }>("select gate from rigs where id = ?", row.rig_id);
  const gate = rig ? readGate(rig) : null;
  if (gate) return toWaitingOn(ctx, gate);
  return noSlot(ctx, row);
}

function noSlot(ctx: Ctx, row: BeadRow): WaitingOn {
  const before = ctx.sql.get<{ n: number }>(
    `select count(*) as n from beads where rig_id = ?1 and ready = 1 and id <> ?2
       and (dispatch_class < ?3 or (dispatch_class = ?3 and (priority > ?4 or (priority = ?4 and created_at < ?5))))`,
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
  return stored ? toWaitingOn(ctx, stored) : undefined;
}

function toWaitingOn(
  ctx: Ctx,
  stored: Pick<StoredWaiting, "code" | "since" | "message"> & Partial<StoredWaiting>,
): WaitingOn {
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
    ...(objects.length > 0 ? { objects } : {}),
    message: stored.message,
  };
}

export function toBeadDetail(ctx: Ctx, row: BeadRow): BeadDetail {
  const edge = (bead: BeadRow) => ({
    id: bead.id,
    title: bead.title,
    status: bead.status,
    reason: bead.reason,
  });
  const merge = mergeRow(ctx, row.id) ?? latestMergeOf(ctx, row.id);
  const sessions = sessionsOfBead(ctx, row.id);
  return {
    ...toBead(ctx, row),
    timeline: readFeed(
      ctx,
      row.type === "convoy" ? { convoyId: row.id, limit: 50 } : { beadId: row.id, limit: 50 },
    ),
    dependencies: { blockedBy: blockersOf(ctx, row.id).map(edge), blocks: blockedBy(ctx, row.id).map(edge) },
    sessions,
    ...(merge ? { mergeRequest: toMergeRequest(ctx, merge) } : {}),
    workRefs: sessions.map((session) => session.workRef).filter((ref) => ref !== null),
  };
}
