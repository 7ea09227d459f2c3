/**
 * A prepared statement and its rows. `node:sqlite` makes the keys of each row anew and gives objects whose keys
 * V8 has to look up; taking the values as an array and naming them here makes a list of wide rows a third
 * cheaper, and all that a town does a seventh.
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { checkParameters, statementParameters, type SqlValue } from "@gastown/town";

type NamedRow = Record<string, unknown>;
/** `values`: an array, whatever the types of `node:sqlite` say. */
type Naming = (values: Readonly<Record<number, unknown>>) => NamedRow;

/**
 * Compiled, because only a literal with its keys in it is made in one step. They are the names of columns of
 * our own statements, and quoted; no value is ever part of the source.
 */
function namingOf(columns: readonly string[]): Naming {
  const fields = columns.map((name, at) => `${JSON.stringify(name)}: values[${at}]`);
  // oxlint-disable-next-line typescript/no-implied-eval -- only names of columns, as above
  return new Function("values", `return { ${fields.join(", ")} };`) as Naming;
}

export class Prepared {
  readonly #text: string;
  readonly #statement: StatementSync;
  readonly #parameters: number;
  #naming: Naming | undefined;

  constructor(db: DatabaseSync, text: string) {
    this.#text = text;
    this.#parameters = statementParameters(text);
    this.#statement = db.prepare(text);
    this.#statement.setReturnArrays(true);
  }

  run(values: readonly SqlValue[]): void {
    this.#check(values);
    this.#statement.run(...values);
  }

  all(values: readonly SqlValue[]): NamedRow[] {
    this.#check(values);
    return this.#statement.all(...values).map((row) => this.#named(row));
  }

  get(values: readonly SqlValue[]): NamedRow | undefined {
    this.#check(values);
    const row = this.#statement.get(...values);
    return row === undefined ? undefined : this.#named(row);
  }

  #check(values: readonly SqlValue[]): void {
    checkParameters(this.#text, this.#parameters, values);
  }

  #named(values: Readonly<Record<number, unknown>>): NamedRow {
    this.#naming ??= namingOf(this.#statement.columns().map(({ name }) => name));
    return this.#naming(values);
  }
}
