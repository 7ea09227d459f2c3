import type { DatabaseSync, StatementSync } from "node:sqlite";
import { checkScript, checkSynchronous, type Row, type Sql, type SqlValue } from "@gastown/town";
import { Prepared } from "./prepared.ts";
import { storageError } from "./storage-error.ts";

const MAX_STATEMENTS = 500;

/** Begins and ends are prepared as well: every transaction has both. */
interface Frame {
  readonly begin: StatementSync;
  readonly commit: StatementSync;
  readonly rollback: string;
}

/**
 * The `Sql` port on `node:sqlite`. The database must have been opened with
 * `sqlOptions`. Blobs are copied by `node:sqlite` itself, in both directions.
 */
export function nodeSql(db: DatabaseSync): Sql {
  const statements = new Map<string, Prepared>();
  let depth = 0;
  /** Why the transaction is over although its function still runs. */
  let lost: unknown;

  /**
   * SQLite ends a transaction by itself after some errors (a full disk, for example). Whoever catches such
   * an error inside would go on outside of any transaction, and what it writes then would stay: so nothing
   * is let through any more until the outermost one is over.
   */
  const guarded = <T>(work: () => T): T => {
    if (lost !== undefined) throw lost;
    try {
      return work();
    } catch (error) {
      const told = storageError(error);
      if (depth > 0 && !db.isTransaction) lost = told;
      throw told;
    }
  };

  /** Reusing a statement is worth 2.5 times; the bound keeps generated texts from piling up. */
  const prepare = (text: string): Prepared => {
    const known = statements.get(text);
    if (known !== undefined) return known;
    const prepared = new Prepared(db, text);
    if (statements.size >= MAX_STATEMENTS)
      for (const oldest of statements.keys()) {
        statements.delete(oldest);
        break;
      }
    statements.set(text, prepared);
    return prepared;
  };

  const frames: Frame[] = [];

  /** How a transaction of this depth begins and ends; inner ones are named `t1`, `t2`, … */
  const frameOf = (at: number): Frame => {
    const name = `t${at}`;
    return (frames[at] ??=
      at === 0
        ? { begin: db.prepare("begin immediate"), commit: db.prepare("commit"), rollback: "rollback" }
        : {
            begin: db.prepare(`savepoint ${name}`),
            commit: db.prepare(`release ${name}`),
            rollback: `rollback to ${name}; release ${name}`,
          });
  };
  const transaction = <T>(fn: () => T): T => {
    const { begin, commit, rollback } = frameOf(depth);
    guarded(() => begin.run());
    depth += 1;
    try {
      const result = fn();
      checkSynchronous(result);
      guarded(() => commit.run());
      return result;
    } catch (error) {
      if (db.isTransaction) db.exec(rollback);
      throw error;
    } finally {
      depth -= 1;
      if (depth === 0) lost = undefined;
    }
  };

  return {
    exec: (script) => {
      checkScript(script);
      guarded(() => db.exec(script));
      // It may have changed the columns that a statement gives.
      statements.clear();
    },
    all: <T extends Row>(text: string, ...values: SqlValue[]) =>
      guarded(() => prepare(text).all(values)) as T[],
    get: <T extends Row>(text: string, ...values: SqlValue[]) =>
      guarded(() => prepare(text).get(values)) as T | undefined,
    run: (text, ...values) => {
      guarded(() => prepare(text).run(values));
    },
    transaction,
  };
}

/** Options for `new DatabaseSync`, so that it behaves like a Durable Object's storage. */
export const sqlOptions = {
  enableForeignKeyConstraints: true,
  enableDoubleQuotedStringLiterals: false,
} as const;
