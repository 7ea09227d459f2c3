/** Stored beads in the shape that people and scripts see (spec/api.md §3.0). */
import { shortId, type Bead } from "@gastown/protocol";
import { z } from "zod";
import { PRIORITIES, type BeadRow } from "../beads/bead-row.ts";
import type { Ctx } from "../kernel/context.ts";
import { iso, isoOrNull } from "../kernel/iso.ts";
import { fromJson } from "../kernel/json.ts";
import { placesInQueue } from "./queue.ts";
import { waitingOf } from "./waiting.ts";

const labelsSchema = z.array(z.string());
const metadataSchema = z.record(z.string(), z.unknown());
const actorSchema = z.object({ kind: z.string(), id: z.string(), name: z.string() });

/** One after the other, with what they share read once. */
export function toBeads(ctx: Ctx, rows: readonly BeadRow[]): Bead[] {
  const placeOf = placesInQueue(ctx, rows);
  return rows.map((row) => toBead(ctx, row, placeOf));
}

export function toBead(ctx: Ctx, row: BeadRow, placeOf?: (row: BeadRow) => number): Bead {
  const assignee = ctx.sql.get<{ agent_id: string; name: string; session_id: string }>(
    `select s.agent_id, a.name, s.id as session_id from sessions s join agents a on a.id = s.agent_id
     where s.bead_id = ? and s.state <> 'ended'`,
    row.id,
  );
  const waiting = waitingOf(ctx, row, placeOf);
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
