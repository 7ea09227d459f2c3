/**
 * Molecules: an ordered list of steps attached to a bead; and formulas, from which they are made
 * (spec/town.md §6). A formula is a file of the rig's repository: `.gastown/formulas/<name>.toml`.
 */
import { z } from "zod";
import { text, title } from "./text.ts";

export const stepSpec = z.strictObject({ title, instructions: text(0, 4_000).optional() });
export type StepSpec = z.infer<typeof stepSpec>;
export const stepSpecs = z.array(stepSpec).min(1).max(50);

const variable = z.strictObject({
  description: text(0, 400).optional(),
  /** Without one the variable must be given. */
  default: text(0, 2_000).optional(),
});

export const formulaName = z.string().regex(/^[a-z0-9][a-z0-9_-]{0,59}$/, "a formula's name");

/** What a formula file says; `{{name}}` in a title or its instructions stands for a variable. */
export const formulaFile = z.strictObject({
  description: text(0, 1_000).optional(),
  vars: z.record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,59}$/), variable).optional(),
  steps: stepSpecs,
});
export const formula = formulaFile.extend({ name: formulaName });
export type Formula = z.infer<typeof formula>;
/** A file that cannot be used, and why. */
export const formulaProblem = z.strictObject({ file: text(1, 300), message: text(0, 1_000) });
export type FormulaProblem = z.infer<typeof formulaProblem>;

export const formulasAnswer = z.object({ items: z.array(formula), problems: z.array(formulaProblem) });

export const formulaVars = z.record(z.string().max(60), text(0, 2_000));
/** Steps themselves, or a formula of the rig with its variables. */
export const moleculeBody = z.union([
  z.strictObject({ steps: stepSpecs }),
  z.strictObject({ formula: formulaName, vars: formulaVars.optional() }),
]);
export type MoleculeBody = z.infer<typeof moleculeBody>;

export const stepShape = z.object({
  title: z.string(),
  instructions: z.string(),
  state: z.enum(["open", "done"]),
  summary: z.string().nullable(),
});
export type StepShape = z.infer<typeof stepShape>;
/** `current`: index of the first open step; null: all are done. */
export const moleculeShape = z.object({ steps: z.array(stepShape), current: z.int().nullable() });
export type Molecule = z.infer<typeof moleculeShape>;
