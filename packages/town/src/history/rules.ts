/**
 * What a stored value must be beyond its column's type. Columns that are not named here hold free text or
 * numbers; what fits together is checked by the invariants once everything is there.
 */
import {
  anyBeadId,
  beadStatus,
  convoyMode,
  convoyState,
  idSchema,
  mergeState,
  mergeStrategy,
  rigConfig,
  rigState,
  role,
  sessionOutcome,
  sessionState,
  townConfig,
} from "@gastown/protocol";
import { z } from "zod";

const parsed = (text: string): { value: unknown } | null => {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return null;
  }
};
const json = z.string().refine((text) => parsed(text) !== null, "not JSON");
const settings = z.string().refine((text) => {
  const found = parsed(text);
  return (
    found !== null && (townConfig.safeParse(found.value).success || rigConfig.safeParse(found.value).success)
  );
}, "not settings of a town or a rig");
const flag = z.union([z.literal(0), z.literal(1)]);

export const COLUMN_RULES: Readonly<Record<string, z.ZodType<string | number>>> = {
  "agents.id": idSchema("agent"),
  "agents.role": role,
  "audit.actor": json,
  "audit.data": json,
  "beads.id": anyBeadId,
  "beads.type": z.enum(["issue", "convoy", "merge_request", "escalation", "molecule"]),
  "beads.status": beadStatus,
  "beads.labels": json,
  "beads.metadata": json,
  "beads.created_by": json,
  "beads.waiting": json,
  "beads.ready": flag,
  "beads.waived": flag,
  "config.value": settings,
  "convoys.bead_id": anyBeadId,
  "convoys.mode": convoyMode,
  "convoys.state": convoyState,
  "dependencies.kind": z.enum(["blocks", "tracks", "parent"]),
  "escalations.open": flag,
  "inbox.payload": json,
  "inbox.state": z.enum(["pending", "applied", "dead"]),
  "merge_requests.bead_id": anyBeadId,
  "merge_requests.state": mergeState,
  "merge_requests.strategy": mergeStrategy,
  "merge_requests.waiting": json,
  "merge_requests.pr_reading": json,
  "merge_requests.verdict": json,
  "outbox.id": idSchema("effect"),
  "outbox.payload": json,
  "outbox.state": z.enum(["pending", "running", "accepted", "done", "dead"]),
  "rigs.id": idSchema("rig"),
  "rigs.state": rigState,
  "sessions.id": idSchema("session"),
  "sessions.role": role,
  "sessions.state": sessionState,
  "sessions.outcome": sessionOutcome,
  "sessions.active_tools": json,
  "town.town_id": idSchema("town"),
  "transcript.data": json,
};
