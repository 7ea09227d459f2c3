/** Questions and problems that need a person; each is a bead (spec/town.md §5, §6). */
import { GastownError, idEnding, type Escalation, type Severity } from "@gastown/protocol";
import { z } from "zod";
import { audit } from "../audit/audit.ts";
import type { Ctx } from "../kernel/context.ts";
import { iso, isoOrNull } from "../kernel/iso.ts";
import { fromJson, toJson } from "../kernel/json.ts";
import { schedule, unschedule } from "../kernel/schedule.ts";
import type { Row } from "../kernel/sql.ts";
import { tellNotifiers } from "../notify/tell.ts";
import { move } from "../status.ts";

export type EscalationRow = Row & {
  bead_id: string;
  severity: Severity;
  category: string;
  subject: string;
  title: string;
  body: string;
  open: number;
  acknowledged_at: number | null;
  bumps: number;
  choices: string;
  resolution: string | null;
  source: string;
  /** 1 once the mayor was told, or nobody was to be told. */
  told: number;
  /** Who looks at it before the mayor and people do. */
  routed_to: "triage" | null;
  created_at: number;
};

export interface Choice {
  id: string;
  label: string;
}

export interface NewEscalation {
  severity: Severity;
  category: string;
  /** What it is about; one is open per subject and category. */
  subject: string;
  title: string;
  body: string;
  choices?: Choice[];
  /** Nobody else is told until triage hands it on. */
  routedTo?: "triage" | undefined;
  source: {
    rigId?: string | undefined;
    beadId?: string | undefined;
    convoyId?: string | undefined;
    sessionId?: string | undefined;
  };
}

export const SEVERITIES: readonly Severity[] = ["low", "medium", "high", "critical"];

/** Opens one, or returns the id of the open one of the same subject and category. */
export function escalate(ctx: Ctx, input: NewEscalation): string {
  const open = ctx.sql.get<{ bead_id: string }>(
    "select bead_id from escalations where subject = ? and category = ? and open = 1",
    input.subject,
    input.category,
  );
  if (open) return open.bead_id;
  const id = ctx.id("escalation");
  ctx.sql.run(
    `insert into beads (id, ending, type, status, title, body, rig_id, convoy_id, parent_id, priority, labels, metadata,
       created_by, created_at, updated_at)
     values (?, ?, 'escalation', 'open', ?, ?, ?, ?, ?, ?, '[]', '{}', ?, ?, ?)`,
    id,
    idEnding(id),
    input.title.slice(0, 300),
    input.body,
    input.source.rigId ?? null,
    null,
    input.source.beadId ?? null,
    SEVERITIES.indexOf(input.severity),
    toJson(ctx.actor),
    ctx.now,
    ctx.now,
  );
  ctx.sql.run(
    `insert into escalations (bead_id, severity, category, subject, title, body, open, choices, source, routed_to, told, created_at)
     values (?, ?, ?, ?, ?, ?, 1, ?, ?, ?, ?, ?)`,
    id,
    input.severity,
    input.category,
    input.subject,
    input.title.slice(0, 300),
    input.body,
    toJson(input.choices ?? []),
    toJson(input.source),
    input.routedTo ?? null,
    input.routedTo === undefined ? 0 : 1,
    ctx.now,
  );
  const seq = audit(ctx, {
    kind: "escalation.created",
    subject: { type: "bead", id },
    reason: input.category,
    rigId: input.source.rigId ?? null,
    beadId: input.source.beadId ?? null,
    convoyId: input.source.convoyId ?? null,
    sessionId: input.source.sessionId ?? null,
    text:
      input.routedTo === undefined
        ? `Needs a person (${input.severity}): ${input.title}`
        : `A question (${input.severity}): ${input.title}`,
    data: { severity: input.severity, category: input.category },
  });
  ctx.sql.run("update beads set version = ? where id = ?", seq, id);
  const { severity, category } = input;
  if (input.routedTo === undefined)
    tellNotifiers(ctx, { event: "escalation.created", severity, seq, category });
  schedule(ctx, "escalation", id);
  return id;
}

export function escalationRow(ctx: Ctx, id: string): EscalationRow | undefined {
  return ctx.sql.get<EscalationRow>("select * from escalations where bead_id = ?", id);
}

export function findEscalation(ctx: Ctx, ref: string): EscalationRow {
  const exact = escalationRow(ctx, ref);
  if (exact) return exact;
  const ending = ref.replace(/^esc_/, "").toLowerCase();
  const rows = ctx.sql.all<{ id: string }>(
    "select id from beads where ending = ? and type = 'escalation'",
    ending,
  );
  const found = rows.length === 1 && rows[0] ? escalationRow(ctx, rows[0].id) : undefined;
  if (!found) throw new GastownError("not_found", `There is no escalation ${ref} in this town.`);
  return found;
}

export function acknowledge(ctx: Ctx, row: EscalationRow): void {
  if (row.acknowledged_at !== null) return;
  ctx.sql.run("update escalations set acknowledged_at = ? where bead_id = ?", ctx.now, row.bead_id);
  if (row.routed_to !== null) schedule(ctx, "triage", "triage");
  unschedule(ctx, "escalation", row.bead_id);
  audit(ctx, {
    kind: "escalation.acknowledged",
    subject: { type: "bead", id: row.bead_id },
    text: `Seen by ${ctx.actor.name}: ${row.title}`,
  });
}

/** Closes one with what was decided; the caller carries the decision out in the same transaction. */
export function closeEscalation(
  ctx: Ctx,
  row: EscalationRow,
  resolution: { choice: string | null; answer: string | null },
): void {
  if (row.open === 0) return;
  ctx.sql.run(
    "update escalations set open = 0, resolution = ? where bead_id = ?",
    toJson({ ...resolution, at: ctx.now }),
    row.bead_id,
  );
  unschedule(ctx, "escalation", row.bead_id);
  if (row.routed_to !== null) schedule(ctx, "triage", "triage");
  move(ctx, {
    machine: "escalation",
    id: row.bead_id,
    from: "open",
    to: "closed",
    reason: resolution.choice ?? "answered",
    event: {
      kind: "escalation.resolved",
      subject: { type: "bead", id: row.bead_id },
      text: `Answered: ${row.title}`,
      data: { choice: resolution.choice },
    },
  });
}

/**
 * The subjects of what a session asked lie from the first to before the second: its own, and `#2`, `#3` after
 * it. A range, because no index serves `like`.
 */
export function questionsOf(sessionId: string): [first: string, end: string] {
  return [`session:${sessionId}`, `session:${sessionId}$`];
}

/** What a bead's sessions asked is moot when the bead is over. */
export function mootQuestionsOf(ctx: Ctx, beadId: string): void {
  const rows = ctx.sql.all<EscalationRow>(
    `select e.* from beads b join escalations e on e.bead_id = b.id
     where b.parent_id = ? and b.type = 'escalation' and b.status = 'open' and e.subject like 'session:%'`,
    beadId,
  );
  for (const row of rows) closeEscalation(ctx, row, { choice: "moot", answer: null });
}

/** Its cause is gone. */
export function mootEscalations(ctx: Ctx, subject: string, category?: string): void {
  const rows = ctx.sql.all<EscalationRow>(
    "select * from escalations where subject = ?1 and open = 1 and (?2 is null or category = ?2)",
    subject,
    category ?? null,
  );
  for (const row of rows) closeEscalation(ctx, row, { choice: "moot", answer: null });
}

const choicesSchema = z.array(z.object({ id: z.string(), label: z.string() }));
const sourceSchema = z.object({
  rigId: z.string().optional(),
  beadId: z.string().optional(),
  convoyId: z.string().optional(),
  sessionId: z.string().optional(),
});
const resolutionSchema = z.object({
  choice: z.string().nullable(),
  answer: z.string().nullable(),
  at: z.number(),
});

export type EscalationSource = z.infer<typeof sourceSchema>;

export function choicesOf(row: EscalationRow): Choice[] {
  return fromJson(choicesSchema, row.choices) ?? [];
}

export function sourceOf(row: EscalationRow): EscalationSource {
  return fromJson(sourceSchema, row.source) ?? {};
}

export function toEscalation(ctx: Ctx, row: EscalationRow): Escalation {
  const resolution = fromJson(resolutionSchema, row.resolution);
  const bead = ctx.sql.get<{ version: number }>("select version from beads where id = ?", row.bead_id);
  return {
    id: row.bead_id,
    severity: row.severity,
    category: row.category,
    title: row.title,
    body: row.body,
    source: sourceOf(row),
    open: row.open === 1,
    acknowledgedAt: isoOrNull(row.acknowledged_at),
    bumps: row.bumps,
    ...(row.routed_to === null ? {} : { routedTo: row.routed_to }),
    choices: choicesOf(row),
    resolution: resolution ? { ...resolution, at: iso(resolution.at) } : null,
    createdAt: iso(row.created_at),
    version: bead?.version ?? 0,
  };
}
