/**
 * Checks that both adapters of the `Sql` port make, because the hosts differ
 * silently: too few parameters are NULL on one and an error on the other, a
 * boolean is 1 or "true", only the first of two statements runs, and so on.
 * What is allowed here means the same on both.
 */
const MAX_PARAMETERS = 100;
const MAX_STATEMENT_BYTES = 100_000;

/** Strings, quoted names and comments: nothing in them counts as SQL. */
const OPAQUE = /'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|--[^\n]*|\/\*[\s\S]*?\*\//g;

const bare = (text: string): string =>
  text.replace(OPAQUE, (part) => (part.startsWith("--") || part.startsWith("/*") ? " " : "''"));

/** Checks one statement and returns how many parameters it takes. */
export function statementParameters(text: string): number {
  const sql = bare(text).trim();
  if (sql === "") throw new TypeError("empty SQL statement");
  if (endsInComment(text.trimEnd())) throw new TypeError(`SQL must not end in a comment: ${text}`);
  if (text.length > MAX_STATEMENT_BYTES) throw new TypeError("SQL statement longer than 100 KB");
  if (/;\s*\S/.test(sql)) throw new TypeError(`more than one SQL statement: ${text}`);
  if (/^(?:begin|commit|end|rollback|savepoint|release|attach|vacuum)\b/i.test(sql))
    throw new TypeError(`not a statement of the port: ${text}`);
  if (/\bor\s+rollback\b/i.test(sql)) throw new TypeError(`OR ROLLBACK breaks transactions: ${text}`);
  if (/[:@$][a-z_]/i.test(sql)) throw new TypeError(`only ? parameters: ${text}`);
  let highest = 0;
  for (const [, number] of sql.matchAll(/\?(\d*)/g))
    highest = number ? Math.max(highest, Number(number)) : highest + 1;
  if (highest > MAX_PARAMETERS) throw new TypeError(`more than ${MAX_PARAMETERS} parameters: ${text}`);
  return highest;
}

/** Checks the values for a statement that takes `expected` parameters. */
export function checkParameters(text: string, expected: number, values: readonly unknown[]): void {
  if (values.length !== expected)
    throw new TypeError(`${values.length} values for ${expected} parameters: ${text}`);
  for (const value of values)
    if (!isSqlValue(value)) throw new TypeError(`${describe(value)} is not an SQL value: ${text}`);
}

/** Checks a script of many statements: it must end with a statement. */
export function checkScript(script: string): void {
  if (bare(script).trim() === "") throw new TypeError("empty SQL script");
  if (endsInComment(script.trimEnd())) throw new TypeError("an SQL script must not end in a comment");
}

/** Throws when a transaction's function returned a promise: it would commit too early. */
export function checkSynchronous(result: unknown): void {
  if (typeof result === "object" && result !== null && "then" in result && typeof result.then === "function")
    throw new TypeError("a transaction must be synchronous");
}

function endsInComment(script: string): boolean {
  const parts = [...script.matchAll(OPAQUE)];
  const last = parts.at(-1);
  if (last === undefined || last.index + last[0].length !== script.length) return false;
  return last[0].startsWith("--") || last[0].startsWith("/*");
}

function isSqlValue(value: unknown): boolean {
  if (typeof value === "number")
    return Number.isSafeInteger(value) || (Number.isFinite(value) && !Number.isInteger(value));
  return typeof value === "string" || value === null || value instanceof Uint8Array;
}

function describe(value: unknown): string {
  return value instanceof Date ? "a Date" : typeof value === "number" ? `number ${value}` : typeof value;
}
