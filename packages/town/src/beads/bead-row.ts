/** The stored bead and how to find one (spec/town.md §1). */
import {
  GastownError,
  idEnding,
  type BeadKind,
  type BeadStatus,
  type BeadType,
  type Priority,
} from "@gastown/protocol";
import type { Ctx } from "../kernel/context.ts";
import { toJson } from "../kernel/json.ts";
import type { Row } from "../kernel/sql.ts";

export type BeadRow = Row & {
  id: string;
  type: BeadType;
  kind: BeadKind | null;
  status: BeadStatus;
  reason: string | null;
  title: string;
  body: string;
  rig_id: string | null;
  convoy_id: string | null;
  parent_id: string | null;
  priority: number;
  labels: string;
  metadata: string;
  /** Why it is held; null: it is not. */
  held: string | null;
  waived: number;
  created_by: string;
  created_at: number;
  updated_at: number;
  closed_at: number | null;
  waiting: string | null;
  ready: number;
  dispatch_class: number;
  convoy_at: number;
  start_failures: number;
  run_failures: number;
  cooldown_until: number;
  sessions_count: number;
  work_ref: string | null;
  pushed_head: string | null;
  fresh: number;
  /** Whom a person wants for it, and whom not. */
  prefer_agent: string | null;
  avoid_agent: string | null;
  /** With what it is worked on; null: what the settings say. */
  model: string | null;
  runtime: string | null;
  note: string | null;
  summary: string | null;
  version: number;
};

export const PRIORITIES: readonly Priority[] = ["low", "medium", "high", "critical"];
export const DEFAULT_PRIORITY = 1;

/** Slots go to fix beads before new work (spec/town.md §5, dispatcher). */
const FIX_CLASS = 1;
const WORK_CLASS = 2;

const FIX_KINDS: readonly (BeadKind | null)[] = ["rework", "feedback", "conflict"];

/** Fix beads repair a merge request on its own branch (spec/review.md §1). */
export function isFix(bead: { kind: BeadKind | null }): boolean {
  return FIX_KINDS.includes(bead.kind);
}

export function beadRow(ctx: Ctx, id: string): BeadRow {
  const row = ctx.sql.get<BeadRow>("select * from beads where id = ?", id);
  if (!row) throw new GastownError("not_found", `There is no bead ${id} in this town.`);
  return row;
}

/** By id, or by any unambiguous ending such as `7q2m9k4t`. Throws `not_found`. */
export function findBead(ctx: Ctx, ref: string): BeadRow {
  const exact = ctx.sql.get<BeadRow>("select * from beads where id = ?", ref);
  if (exact) return exact;
  const ending = ref.replace(/^[a-z]+_/, "").toLowerCase();
  const rows = ctx.sql.all<BeadRow>("select * from beads where ending = ? limit 3", ending);
  const matches = rows.length > 0 || ending.length < 4 ? rows : byShorterEnding(ctx, ending);
  const [only] = matches;
  if (only && matches.length === 1) return only;
  throw new GastownError(
    "not_found",
    matches.length === 0
      ? `There is no bead ${ref} in this town. gastown bead list shows what there is.`
      : `${ref} fits more than one bead: ${matches.map((row) => row.id).join(", ")}. Give more of its end.`,
  );
}

function byShorterEnding(ctx: Ctx, ending: string): BeadRow[] {
  return ctx.sql.all<BeadRow>("select * from beads where ending like ? limit 3", `%${ending.slice(0, 20)}`);
}

export interface NewBead {
  type: BeadType;
  kind: BeadKind | null;
  title: string;
  body: string;
  rigId: string | null;
  convoyId?: string | null;
  parentId?: string | null;
  priority: number;
  labels?: readonly string[];
  metadata?: Record<string, unknown>;
  held?: string | null;
  convoyAt?: number;
  model?: string | null | undefined;
  runtime?: string | null | undefined;
}

/** Stores a bead as `open`. The caller writes the audit row that says why it was made. */
export function insertBead(ctx: Ctx, id: string, bead: NewBead): void {
  ctx.sql.run(
    `insert into beads (id, ending, type, kind, status, title, body, rig_id, convoy_id, parent_id, priority, labels,
       metadata, held, created_by, created_at, updated_at, dispatch_class, convoy_at, model, runtime)
     values (?, ?, ?, ?, 'open', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    id,
    idEnding(id),
    bead.type,
    bead.kind,
    bead.title,
    bead.body,
    bead.rigId,
    bead.convoyId ?? null,
    bead.parentId ?? null,
    bead.priority,
    toJson(bead.labels ?? []),
    toJson(bead.metadata ?? {}),
    bead.held ?? null,
    toJson(ctx.actor),
    ctx.now,
    ctx.now,
    isFix(bead) ? FIX_CLASS : WORK_CLASS,
    bead.convoyAt ?? ctx.now,
    bead.model ?? null,
    bead.runtime ?? null,
  );
}

export function setVersion(ctx: Ctx, id: string, seq: number): void {
  ctx.sql.run("update beads set version = ?, updated_at = ? where id = ?", seq, ctx.now, id);
}
