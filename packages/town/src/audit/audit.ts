/** The record of every change, in order; its `seq` is the live feed's cursor (spec/town.md §1). */
import type { FeedEntry } from "@gastown/protocol";
import { z } from "zod";
import type { Ctx } from "../kernel/context.ts";
import { iso } from "../kernel/iso.ts";
import { fromJson, toJson } from "../kernel/json.ts";
import type { Row } from "../kernel/sql.ts";

type SubjectType = "town" | "rig" | "bead" | "agent" | "session" | "effect" | "inbox";

export interface AuditInput {
  kind: string;
  subject: { type: SubjectType; id: string };
  /** One line for people. */
  text: string;
  from?: string | null;
  to?: string | null;
  reason?: string | null;
  rigId?: string | null;
  beadId?: string | null;
  convoyId?: string | null;
  agentId?: string | null;
  sessionId?: string | null;
  data?: Record<string, unknown>;
}

/** Writes one row and returns its `seq`, the new version of its subject. */
export function audit(ctx: Ctx, input: AuditInput): number {
  const row = ctx.sql.get<{ seq: number }>(
    `insert into audit (at, actor, subject_type, subject_id, kind, from_state, to_state, reason,
       rig_id, bead_id, convoy_id, agent_id, session_id, text, data)
     values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) returning seq`,
    ctx.now,
    toJson(ctx.actor),
    input.subject.type,
    input.subject.id,
    input.kind,
    input.from ?? null,
    input.to ?? null,
    input.reason ?? null,
    input.rigId ?? null,
    input.beadId ?? null,
    input.convoyId ?? null,
    input.agentId ?? null,
    input.sessionId ?? null,
    input.text,
    toJson(input.data ?? {}),
  );
  return row?.seq ?? 0;
}

type AuditRow = Row & {
  seq: number;
  at: number;
  actor: string;
  subject_type: string;
  subject_id: string;
  kind: string;
  from_state: string | null;
  to_state: string | null;
  reason: string | null;
  rig_id: string | null;
  bead_id: string | null;
  convoy_id: string | null;
  agent_id: string | null;
  session_id: string | null;
  text: string;
  data: string;
};

const actorSchema = z.object({ kind: z.string(), id: z.string(), name: z.string() });
const dataSchema = z.record(z.string(), z.unknown());

export interface FeedQuery {
  after?: number;
  before?: number;
  limit: number;
  kind?: string;
  beadId?: string;
  convoyId?: string;
}

/** Entries after a `seq` in ascending order, or before one in descending order. */
export function readFeed(ctx: Ctx, query: FeedQuery): FeedEntry[] {
  const descending = query.after === undefined;
  const from = descending ? (query.before ?? Number.MAX_SAFE_INTEGER) : (query.after ?? 0);
  const scope = query.beadId ? "bead_id = ?2" : query.convoyId ? "convoy_id = ?2" : "?2 is null";
  const rows = ctx.sql.all<AuditRow>(
    `select * from audit where seq ${descending ? "<" : ">"} ?1 and ${scope} and (?3 is null or kind like ?3)
     order by seq ${descending ? "desc" : "asc"} limit ?4`,
    from,
    query.beadId ?? query.convoyId ?? null,
    query.kind ? `${query.kind.slice(0, 40)}%` : null,
    query.limit,
  );
  return rows.map(toEntry);
}

export function feedEntry(ctx: Ctx, seq: number): FeedEntry | undefined {
  const row = ctx.sql.get<AuditRow>("select * from audit where seq = ?", seq);
  return row && toEntry(row);
}

export function newestSeq(ctx: Ctx): number {
  return ctx.sql.get<{ seq: number | null }>("select max(seq) as seq from audit")?.seq ?? 0;
}

function toEntry(row: AuditRow): FeedEntry {
  const optional = (key: string, value: string | null) => (value === null ? {} : { [key]: value });
  return {
    seq: row.seq,
    at: iso(row.at),
    kind: row.kind,
    subject: { type: row.subject_type, id: row.subject_id },
    actor: fromJson(actorSchema, row.actor) ?? { kind: "unknown", id: "unknown", name: "unknown" },
    ...optional("from", row.from_state),
    ...optional("to", row.to_state),
    ...optional("reason", row.reason),
    ...optional("rigId", row.rig_id),
    ...optional("beadId", row.bead_id),
    ...optional("convoyId", row.convoy_id),
    ...optional("agentId", row.agent_id),
    ...optional("sessionId", row.session_id),
    text: row.text,
    data: fromJson(dataSchema, row.data) ?? {},
  };
}
