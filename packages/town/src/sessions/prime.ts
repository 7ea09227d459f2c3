/** What an agent is told: its bead, its place, its work order, what came before (spec/town.md §6). */
import type { PrimeContext } from "@gastown/protocol";
import { beadKind, priority as prioritySchema } from "@gastown/protocol";
import { z } from "zod";
import { agentRow } from "../agents/agents.ts";
import { isFix, PRIORITIES, type BeadRow } from "../beads/bead-row.ts";
import { blockersOf } from "../beads/dependencies.ts";
import { settings } from "../config/store.ts";
import type { Ctx } from "../kernel/context.ts";
import { fromJson } from "../kernel/json.ts";
import { gatesOf, mergeOfFix, mergeRow, type MergeRow } from "../reviews/merge-row.ts";
import { moleculeOf } from "../molecules/molecules.ts";
import { mailFor } from "../mail/mail.ts";
import type { RigRow } from "../rigs/rigs.ts";
import { itemsFor } from "../triage/requests.ts";
import type { SessionRow } from "./session-row.ts";

const MAX_ATTEMPTS_TOLD = 5;

export function prime(ctx: Ctx, session: SessionRow): PrimeContext {
  const rig = session.rig_id
    ? ctx.sql.get<RigRow>("select * from rigs where id = ?", session.rig_id)
    : undefined;
  const bead = session.bead_id
    ? ctx.sql.get<BeadRow>("select * from beads where id = ?", session.bead_id)
    : undefined;
  const config = settings(ctx, session.rig_id);
  const merge = bead
    ? (mergeRow(ctx, bead.id) ?? (isFix(bead) ? mergeOfFix(ctx, bead.id) : undefined))
    : undefined;
  const agent = agentRow(ctx, session.agent_id);
  return {
    town_id: ctx.townId,
    session_id: session.id,
    role: session.role,
    agent: { id: agent.id, name: agent.name },
    rig: rig ? { id: rig.id, name: rig.name, default_branch: rig.default_branch ?? "main" } : null,
    bead: bead && session.role === "polecat" ? briefBead(bead) : null,
    source: merge ? sourceOf(ctx, merge) : null,
    branch: session.branch,
    target: session.target,
    review: merge ? reviewOf(merge) : null,
    work_order: bead ? workOrder(bead) : null,
    blockers: bead ? blockers(ctx, bead) : [],
    attempts: bead ? attempts(ctx, bead, session) : [],
    gates: config.review.gates.map((gate) => ({ name: gate.name, command: gate.command })),
    triage: session.role === "triage" ? itemsFor(ctx, session.id) : [],
    steps: (bead && session.role === "polecat" ? (moleculeOf(ctx, bead.id)?.steps ?? []) : []).map(
      (step) => ({
        title: step.title,
        instructions: step.instructions,
        done: step.state === "done",
      }),
    ),
    mail: mailFor(ctx, session).map(({ id, from, subject, body }) => ({
      id,
      from: from.name,
      subject,
      body,
    })),
    instructions: config.instructions[session.role],
  };
}

function briefBead(bead: BeadRow): NonNullable<PrimeContext["bead"]> {
  return {
    id: bead.id,
    title: bead.title,
    body: bead.note ? `${bead.body}\n\nNote for you: ${bead.note}` : bead.body,
    kind: beadKind.catch("work").parse(bead.kind),
    priority: prioritySchema.catch("medium").parse(PRIORITIES[bead.priority]),
    attempt: bead.sessions_count,
  };
}

function sourceOf(ctx: Ctx, merge: MergeRow): PrimeContext["source"] {
  const row = ctx.sql.get<BeadRow>("select * from beads where id = ?", merge.source_id);
  return row ? { id: row.id, title: row.title, body: row.body } : null;
}

function reviewOf(merge: MergeRow): PrimeContext["review"] {
  return {
    id: merge.bead_id,
    branch: merge.branch,
    target: merge.target,
    head_sha: merge.head_sha,
    round: merge.change_rounds + 1,
    gates: gatesOf(merge).map((gate) => ({
      name: gate.name,
      exit_code: gate.exit_code,
      log_tail: gate.log_tail.slice(-4_000),
    })),
  };
}

const workOrderSchema = z.object({
  workOrder: z.object({
    kind: beadKind,
    text: z.string(),
    files: z.array(z.object({ path: z.string(), line: z.int().optional(), note: z.string().optional() })),
  }),
});

function workOrder(bead: BeadRow): PrimeContext["work_order"] {
  return fromJson(workOrderSchema, bead.metadata)?.workOrder ?? null;
}

function blockers(ctx: Ctx, bead: BeadRow): PrimeContext["blockers"] {
  return blockersOf(ctx, bead.id).map((blocker) => ({
    id: blocker.id,
    title: blocker.title,
    summary: (blocker.summary ?? "").slice(0, 2_000),
  }));
}

type AttemptRow = {
  outcome: string | null;
  reason: string | null;
  status_text: string | null;
  checkpoint: string | null;
  work_ref: string | null;
};

const reasonSchema = z.object({ message: z.string() });

/** What earlier sessions at this bead did, the newest first. One whose start was refused did nothing. */
function attempts(ctx: Ctx, bead: BeadRow, session: SessionRow): PrimeContext["attempts"] {
  return ctx.sql
    .all<AttemptRow>(
      `select outcome, reason, status_text, checkpoint, work_ref from sessions
       where bead_id = ? and id <> ? and state = 'ended' and outcome is not 'refused' order by started_at desc limit ?`,
      bead.id,
      session.id,
      MAX_ATTEMPTS_TOLD,
    )
    .map((row) => ({
      outcome: row.outcome ?? "ended",
      reason: fromJson(reasonSchema, row.reason)?.message ?? "",
      status: row.status_text,
      checkpoint: fromJson(z.unknown(), row.checkpoint),
      work_ref: row.work_ref,
    }));
}
