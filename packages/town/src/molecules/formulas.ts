/** The formulas of a rig's repository, as its runner read them, and what a formula becomes (spec/town.md §6). */
import {
  formula as formulaSchema,
  GastownError,
  type Formula,
  type FormulaProblem,
  type StepSpec,
} from "@gastown/protocol";
import type { Ctx } from "../kernel/context.ts";
import { fromJson, toJson } from "../kernel/json.ts";

/** Replaces what was known: a file that is gone is a formula that is gone. */
export function storeFormulas(
  ctx: Ctx,
  rigId: string,
  formulas: readonly Formula[],
  problems: readonly FormulaProblem[],
): void {
  forgetFormulas(ctx, rigId);
  for (const one of formulas)
    ctx.sql.run("insert into formulas (rig_id, name, value) values (?, ?, ?)", rigId, one.name, toJson(one));
  for (const { file, message } of problems)
    ctx.sql.run(
      "insert into formula_problems (rig_id, file, message) values (?, ?, ?)",
      rigId,
      file,
      message,
    );
}

export function forgetFormulas(ctx: Ctx, rigId: string): void {
  ctx.sql.run("delete from formulas where rig_id = ?", rigId);
  ctx.sql.run("delete from formula_problems where rig_id = ?", rigId);
}

export function formulasOf(ctx: Ctx, rigId: string): { items: Formula[]; problems: FormulaProblem[] } {
  const rows = ctx.sql.all<{ value: string }>(
    "select value from formulas where rig_id = ? order by name",
    rigId,
  );
  return {
    items: rows.map((row) => fromJson(formulaSchema, row.value)).filter((one) => one !== null),
    problems: ctx.sql.all<{ file: string; message: string }>(
      "select file, message from formula_problems where rig_id = ? order by file",
      rigId,
    ),
  };
}

/** Throws `not_found` with the names that there are, `validation_failed` for a wrong or missing variable. */
export function stepsOfFormula(
  ctx: Ctx,
  rigId: string,
  name: string,
  vars: Readonly<Record<string, string>>,
): StepSpec[] {
  const { items, problems } = formulasOf(ctx, rigId);
  const found = items.find((one) => one.name === name);
  if (!found) throw noFormula(name, items, problems);
  const values = valuesOf(found, vars);
  const fill = (text: string): string =>
    text.replaceAll(/\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}\}/g, (whole, key: string) => values[key] ?? whole);
  return found.steps.map((step) => ({
    title: fill(step.title).slice(0, 300),
    instructions: fill(step.instructions ?? "").slice(0, 4_000),
  }));
}

function noFormula(name: string, items: Formula[], problems: FormulaProblem[]): GastownError {
  const broken = problems.find(({ file }) => file === `${name}.toml`);
  if (broken)
    return new GastownError("validation_failed", `The formula ${name} cannot be used: ${broken.message}`);
  const known = items.map((one) => one.name).join(", ");
  return new GastownError(
    "not_found",
    known === ""
      ? `This rig has no formulas: they are files .gastown/formulas/<name>.toml of its default branch, read when the rig is verified.`
      : `There is no formula ${name} in this rig. It has: ${known}.`,
  );
}

function valuesOf(found: Formula, vars: Readonly<Record<string, string>>): Record<string, string> {
  const known = found.vars ?? {};
  const strange = Object.keys(vars).filter((key) => !Object.hasOwn(known, key));
  if (strange.length > 0)
    throw new GastownError(
      "validation_failed",
      `The formula ${found.name} has no variable ${strange.join(", ")}. It has: ${Object.keys(known).join(", ") || "none"}.`,
    );
  const missing = Object.keys(known).filter(
    (key) => vars[key] === undefined && known[key]?.default === undefined,
  );
  if (missing.length > 0)
    throw new GastownError(
      "validation_failed",
      `The formula ${found.name} needs a value for ${missing.join(", ")}. Give it in vars.`,
    );
  return Object.fromEntries(
    Object.entries(known).map(([key, variable]) => [key, vars[key] ?? variable.default ?? ""]),
  );
}
