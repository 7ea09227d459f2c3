/**
 * The only way to storage. Five methods that behave the same on `node:sqlite`
 * and inside a Durable Object; each host has one small adapter for them.
 *
 * Rules that neither the type nor SQLite can hold for both hosts:
 * - a JavaScript number is bound as REAL: use INTEGER columns of STRICT tables,
 *   build JSON in JavaScript, write `cast(? as integer)` in text expressions;
 * - lists go through `json_each(?)`: at most 100 parameters to a statement;
 * - ids and hashes are TEXT: an integer above 2^53 - 1 throws on one host and
 *   is rounded silently on the other;
 * - never `INSERT OR ROLLBACK`; `OR IGNORE` and `ON CONFLICT` are fine;
 * - read columns by name, and never compare rows by prototype.
 */
export type SqlValue = string | number | null | Uint8Array;

/** One row, a value for each column. A type of rows is an alias, not an interface. */
export type Row = Record<string, SqlValue>;

export interface Sql {
  /** Runs many statements without parameters (migrations). The last thing in it is a statement. */
  exec(script: string): void;
  /** All rows of one statement. */
  all<T extends Row = Row>(sql: string, ...parameters: SqlValue[]): T[];
  /** The first row of one statement; the statement is carried out completely. */
  get<T extends Row = Row>(sql: string, ...parameters: SqlValue[]): T | undefined;
  /** One statement without a result. Counts come through `RETURNING` or `changes()`. */
  run(sql: string, ...parameters: SqlValue[]): void;
  /**
   * Commits what `fn` wrote, or rolls it back and throws on. It nests: an inner
   * one that is caught takes back its own writes only. `fn` is synchronous; a
   * promise would be committed before it settles, so it throws.
   */
  transaction<T>(fn: () => T): T;
}

/** Whether a statement failed because a row with this key exists already. */
export function isUniqueViolation(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith("UNIQUE constraint failed");
}
