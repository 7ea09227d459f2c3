/**
 * The one writer of statuses (spec/town.md §2). A move is checked against its machine's table,
 * compared with what is stored, recorded in the audit, and wakes everything that depends on it.
 *
 *   issue          open → in_progress → in_review → closed; any live → failed; failed → open (retry)
 *   merge request  queued → reviewing → approved → landing → merged, with changes_requested beside it;
 *                  any live → merged where the forge shows that somebody merged its pull request
 *   session        starting → running → settling → ended; settling → running
 *   convoy         staged → active → landing → landed; landing → failed; failed → active
 *   rig            pending → ready ⇄ broken
 *   escalation     open → closed
 */
import { GastownError } from "@gastown/protocol";
import { audit, type AuditInput } from "./audit/audit.ts";
import { wakeDependents } from "./dependents.ts";
import type { Ctx } from "./kernel/context.ts";

interface Machine {
  table: string;
  key: string;
  column: string;
  exits: Readonly<Record<string, readonly string[]>>;
}

const MACHINES = {
  issue: {
    table: "beads",
    key: "id",
    column: "status",
    exits: {
      open: ["in_progress", "in_review", "closed", "failed"],
      in_progress: ["open", "in_review", "closed", "failed"],
      in_review: ["open", "closed", "failed"],
      failed: ["open"],
      closed: [],
    },
  },
  merge: {
    table: "merge_requests",
    key: "bead_id",
    column: "state",
    exits: {
      queued: ["reviewing", "approved", "changes_requested", "merged", "failed"],
      reviewing: ["queued", "approved", "changes_requested", "merged", "failed"],
      changes_requested: ["queued", "approved", "merged", "failed"],
      approved: ["landing", "changes_requested", "queued", "merged", "failed"],
      landing: ["merged", "queued", "changes_requested", "approved", "failed"],
      failed: ["queued"],
      merged: [],
    },
  },
  session: {
    table: "sessions",
    key: "id",
    column: "state",
    exits: {
      starting: ["running", "ended"],
      running: ["settling", "ended"],
      settling: ["running", "ended"],
      ended: [],
    },
  },
  convoy: {
    table: "convoys",
    key: "bead_id",
    column: "state",
    exits: {
      staged: ["active", "closed"],
      active: ["landing", "closed"],
      landing: ["landed", "failed", "closed"],
      failed: ["active", "closed"],
      landed: [],
      closed: [],
    },
  },
  rig: {
    table: "rigs",
    key: "id",
    column: "state",
    exits: { pending: ["ready", "broken"], ready: ["broken"], broken: ["ready", "broken"] },
  },
  escalation: { table: "beads", key: "id", column: "status", exits: { open: ["closed"], closed: [] } },
} as const satisfies Record<string, Machine>;

export type MachineName = keyof typeof MACHINES;

/** A satellite's finer state as the status of its bead (spec/town.md §2). */
const BEAD_STATUS: Partial<Record<MachineName, Record<string, string>>> = {
  merge: {
    queued: "open",
    changes_requested: "open",
    reviewing: "in_progress",
    approved: "in_progress",
    landing: "in_progress",
    merged: "closed",
    failed: "failed",
  },
  convoy: {
    staged: "open",
    active: "in_progress",
    landing: "in_review",
    landed: "closed",
    failed: "failed",
    closed: "closed",
  },
};

export interface Move {
  machine: MachineName;
  id: string;
  from: string;
  to: string;
  reason?: string | null;
  /** The audit row: its kind, its line for people, and the ids that it concerns. */
  event: Omit<AuditInput, "from" | "to" | "reason">;
}

/**
 * Moves one thing from one state to another. Throws `invalid_transition` when the table has no such
 * move or when the stored state is another than `from`; nothing is changed then. Returns where it stands in the audit.
 */
export function move(ctx: Ctx, m: Move): number {
  const machine: Machine = MACHINES[m.machine];
  const allowed = machine.exits[m.from] ?? [];
  if (!allowed.includes(m.to)) throw refused(m, m.from, allowed);
  const changed = ctx.sql.get<{ state: string }>(
    `update ${machine.table} set ${machine.column} = ?1 where ${machine.key} = ?2 and ${machine.column} = ?3
     returning ${machine.column} as state`,
    m.to,
    m.id,
    m.from,
  );
  if (!changed) throw refused(m, currentState(ctx, machine, m.id), allowed);
  const mapped = BEAD_STATUS[m.machine]?.[m.to];
  if (mapped) ctx.sql.run("update beads set status = ? where id = ?", mapped, m.id);
  const seq = audit(ctx, { ...m.event, from: m.from, to: m.to, reason: m.reason ?? null });
  stamp(ctx, m, mapped ?? m.to, seq);
  wakeDependents(ctx, m.machine, m.id, m.to);
  return seq;
}

/** Keeps the columns that follow from a status: times, reason, version. */
function stamp(ctx: Ctx, m: Move, status: string, seq: number): void {
  if (m.machine === "session") {
    ctx.sql.run("update sessions set version = ? where id = ?", seq, m.id);
    return;
  }
  if (m.machine === "rig") {
    ctx.sql.run(
      "update rigs set version = ?, updated_at = ?, reason = ? where id = ?",
      seq,
      ctx.now,
      m.reason ?? null,
      m.id,
    );
    return;
  }
  const final = status === "closed" || status === "failed";
  ctx.sql.run(
    `update beads set version = ?1, updated_at = ?2, reason = ?3, waiting = null, ready = 0,
       closed_at = case when ?4 = 1 then ?2 else null end where id = ?5`,
    seq,
    ctx.now,
    m.reason ?? null,
    final ? 1 : 0,
    m.id,
  );
  if (m.machine === "merge")
    ctx.sql.run("update merge_requests set updated_at = ? where bead_id = ?", ctx.now, m.id);
}

function currentState(ctx: Ctx, machine: Machine, id: string): string {
  const row = ctx.sql.get<{ state: string }>(
    `select ${machine.column} as state from ${machine.table} where ${machine.key} = ?`,
    id,
  );
  return row?.state ?? "missing";
}

function refused(m: Move, from: string, allowed: readonly string[]): GastownError {
  return new GastownError(
    "invalid_transition",
    `This ${m.machine.replace("_", " ")} is ${from.replace("_", " ")} and cannot become ${m.to.replace("_", " ")}. Look at it again first.`,
    { from, to: m.to, allowed: [...allowed] },
  );
}
