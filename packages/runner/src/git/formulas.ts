/** The formulas of a repository: `.gastown/formulas/*.toml` of one commit, read without a checkout. */
import { formulaFile, formulaName } from "@gastown/protocol";
import type { Formula, FormulaProblem } from "@gastown/protocol";
import { parse } from "smol-toml";
import type { GitContext } from "./context.ts";

const FOLDER = ".gastown/formulas/";
const MOST_FILES = 50;
const MOST_BYTES = 64_000;

/** What there is of either; a repository without formulas says nothing of them. */
export interface Formulas {
  readonly formulas?: Formula[];
  readonly formula_problems?: FormulaProblem[];
}

/** A file that cannot be used is a problem to tell of, never one of the rig. */
export async function readFormulas(
  context: GitContext,
  mirror: string,
  commit: string,
  signal: AbortSignal,
): Promise<Formulas> {
  const args = ["ls-tree", "--name-only", "-z", commit, FOLDER];
  const listed = await context.git({ at: { gitDir: mirror }, args, signal });
  const paths = listed.ok ? listed.stdout.split("\0").filter((path) => path.endsWith(".toml")) : [];
  const formulas: Formula[] = [];
  const problems: FormulaProblem[] = [];
  for (const path of paths.slice(0, MOST_FILES)) {
    const file = path.slice(FOLDER.length);
    const shown = await context.git({
      at: { gitDir: mirror },
      args: ["cat-file", "blob", `${commit}:${path}`],
      signal,
    });
    const read = shown.ok ? parseFormula(file, shown.stdout) : "It cannot be read.";
    if (typeof read === "string") problems.push({ file, message: read.slice(0, 1_000) });
    else formulas.push(read);
  }
  if (paths.length > MOST_FILES)
    problems.push({
      file: FOLDER,
      message: `There are ${paths.length} files; only the first ${MOST_FILES} are read.`,
    });
  return {
    ...(formulas.length === 0 ? {} : { formulas }),
    ...(problems.length === 0 ? {} : { formula_problems: problems }),
  };
}

/** The formula, or what is wrong with it in a sentence. Pure. */
export function parseFormula(file: string, text: string): Formula | string {
  const name = formulaName.safeParse(file.replace(/\.toml$/, ""));
  if (!name.success) return "Its name must consist of lower-case letters, digits, - and _, and end in .toml.";
  if (text.length > MOST_BYTES) return `It is longer than ${MOST_BYTES} characters.`;
  let value: unknown;
  try {
    value = parse(text);
  } catch (error) {
    return `It is not TOML: ${error instanceof Error ? (error.message.split("\n")[0] ?? "") : "unknown"}`;
  }
  const parsed = formulaFile.safeParse(value);
  if (parsed.success) return { ...parsed.data, name: name.data };
  const [issue] = parsed.error.issues;
  return `${issue?.path.join(".") || "It"}: ${issue?.message ?? "is not a formula"}`;
}
