/**
 * The steps of a bead (spec/town.md §6): told to its agent, done in order, kept over its attempts, and
 * done is refused while some are open unless a reason is given.
 */
import { GastownError, type Molecule, type MoleculeBody, type StepSpec } from "@gastown/protocol";
import { audit } from "../audit/audit.ts";
import { beadRow, findBead, type BeadRow } from "../beads/bead-row.ts";
import type { Ctx } from "../kernel/context.ts";
import type { Row } from "../kernel/sql.ts";
import { stepsOfFormula } from "./formulas.ts";

type StepRow = Row & {
  position: number;
  title: string;
  instructions: string;
  summary: string | null;
  done_at: number | null;
};

function stepRows(ctx: Ctx, beadId: string): StepRow[] {
  return ctx.sql.all<StepRow>(
    "select position, title, instructions, summary, done_at from molecule_steps where bead_id = ? order by position",
    beadId,
  );
}

/** Undefined for a bead without steps. */
export function moleculeOf(ctx: Ctx, beadId: string): Molecule | undefined {
  const rows = stepRows(ctx, beadId);
  if (rows.length === 0) return undefined;
  const current = rows.findIndex((row) => row.done_at === null);
  return {
    steps: rows.map((row) => ({
      title: row.title,
      instructions: row.instructions,
      state: row.done_at === null ? ("open" as const) : ("done" as const),
      summary: row.summary,
    })),
    current: current === -1 ? null : current,
  };
}

/** What a new bead is to be done by; undefined: no steps. */
export function plannedSteps(
  ctx: Ctx,
  rigId: string,
  wish: {
    steps?: readonly StepSpec[] | undefined;
    formula?: string | undefined;
    vars?: Record<string, string> | undefined;
  },
): readonly StepSpec[] | undefined {
  if (wish.formula !== undefined) return stepsOfFormula(ctx, rigId, wish.formula, wish.vars ?? {});
  return wish.steps;
}

/** Gives a bead its steps in place of those it had; only until it is over. */
export function putMolecule(ctx: Ctx, ref: string, body: MoleculeBody): string {
  const bead = findBead(ctx, ref);
  if (
    bead.type !== "issue" ||
    bead.rig_id === null ||
    (bead.status !== "open" && bead.status !== "in_progress")
  )
    throw new GastownError(
      "invalid_transition",
      `${bead.title} is ${bead.status.replace("_", " ")}; only work that is not finished can be given steps.`,
    );
  const steps =
    "steps" in body ? body.steps : stepsOfFormula(ctx, bead.rig_id, body.formula, body.vars ?? {});
  storeSteps(ctx, bead.id, steps);
  record(ctx, bead, "bead.steps_given", `${bead.title} has ${steps.length} step(s)`, {
    steps: steps.length,
    formula: "formula" in body ? body.formula : null,
  });
  return bead.id;
}

export function storeSteps(ctx: Ctx, beadId: string, steps: readonly StepSpec[]): void {
  ctx.sql.run("delete from molecule_steps where bead_id = ?", beadId);
  steps.forEach((step, position) =>
    ctx.sql.run(
      "insert into molecule_steps (bead_id, position, title, instructions) values (?, ?, ?, ?)",
      beadId,
      position,
      step.title,
      step.instructions ?? "",
    ),
  );
}

/** Closes the current step. Throws `not_found` without steps, or when all are done. */
export function advanceMolecule(ctx: Ctx, beadId: string, summary: string, by: string): Molecule {
  const bead = beadRow(ctx, beadId);
  const molecule = moleculeOf(ctx, beadId);
  if (!molecule || molecule.current === null)
    throw new GastownError(
      "not_found",
      molecule ? "All steps of this bead are done." : "This bead has no steps.",
    );
  ctx.sql.run(
    "update molecule_steps set summary = ?, done_at = ?, done_by = ? where bead_id = ? and position = ?",
    summary,
    ctx.now,
    by,
    beadId,
    molecule.current,
  );
  const step = molecule.steps[molecule.current];
  record(
    ctx,
    bead,
    "bead.step_done",
    `${bead.title}: step ${molecule.current + 1} of ${molecule.steps.length} is done (${step?.title ?? ""})`,
    { step: molecule.current + 1, of: molecule.steps.length },
  );
  return moleculeOf(ctx, beadId) ?? molecule;
}

/** Throws `steps_open` where steps are open and nobody says why they may stay so. */
export function refuseWithOpenSteps(ctx: Ctx, beadId: string | null, reason: string | undefined): void {
  const molecule = beadId === null ? undefined : moleculeOf(ctx, beadId);
  if (!molecule || molecule.current === null || reason !== undefined) return;
  const open = molecule.steps.filter((step) => step.state === "open").map((step) => step.title);
  throw new GastownError(
    "steps_open",
    `${open.length} step(s) are open: ${open.join("; ")}. Do them and call gt_mol_advance after each, or call gt_done with steps_reason and say why they need not be done.`,
    { open },
  );
}

function record(ctx: Ctx, bead: BeadRow, kind: string, text: string, data: Record<string, unknown>): void {
  audit(ctx, {
    kind,
    subject: { type: "bead", id: bead.id },
    beadId: bead.id,
    rigId: bead.rig_id,
    convoyId: bead.convoy_id,
    text,
    data,
  });
}
