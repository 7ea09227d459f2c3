/** A town as JSON lines (`format.ts`). Reads page by page, so that the size of a town costs no memory. */
import { z } from "zod";
import { fromJson, toJson } from "../kernel/json.ts";
import type { Row, Sql } from "../kernel/sql.ts";
import { SCHEMA_VERSION } from "../migrations/migrate.ts";
import { EXPORT_FORMAT, EXPORT_VERSION, type ExportHeader } from "./format.ts";
import { exportedTables, type Table } from "./tables.ts";

const PAGE = 200;

/**
 * Each line ends in a newline. `sql` must not change meanwhile (a copy, or a snapshot), and must be of this
 * version. Secrets, and the values of environment variables, which may be secrets, are never among them.
 */
export function* exportLines(
  sql: Sql,
  about: { program: string; now: number },
): Generator<string, void, void> {
  yield `${toJson(header(sql, about))}\n`;
  let rows = 0;
  for (const table of exportedTables(sql)) {
    for (const row of rowsOf(sql, table)) {
      rows++;
      yield `${toJson({ table: table.name, row: withoutEnv(table, row) })}\n`;
    }
  }
  yield `${toJson({ end: true, rows })}\n`;
}

function header(sql: Sql, about: { program: string; now: number }): ExportHeader {
  const town = sql.get<{ town_id: string; name: string }>("select town_id, name from town where id = 1");
  return {
    format: EXPORT_FORMAT,
    version: EXPORT_VERSION,
    schema: SCHEMA_VERSION,
    program: about.program,
    exportedAt: new Date(about.now).toISOString(),
    town: { id: town?.town_id ?? "", name: town?.name ?? "" },
    omitted: {
      secrets: sql.all<{ scope: string; key: string }>("select scope, key from secrets order by scope, key"),
      env: Object.fromEntries(
        sql
          .all<{ scope: string; value: string }>("select scope, value from config order by scope")
          .map(({ scope, value }) => [scope, Object.keys(envOf(value))] as const)
          .filter(([, names]) => names.length > 0),
      ),
    },
  };
}

/** Everything of a table in the order of its key. */
export function* rowsOf(sql: Sql, { name, columns, key }: Table): Generator<Row, void, void> {
  const wanted = columns.map(quoted).join(", ");
  const order = key.map(quoted).join(", ");
  const after = `(${order}) > (${key.map(() => "?").join(", ")})`;
  for (let last: Row | undefined; ;) {
    const from = last;
    const page =
      from === undefined
        ? sql.all(`select ${wanted} from ${name} order by ${order} limit ${PAGE}`)
        : sql.all(
            `select ${wanted} from ${name} where ${after} order by ${order} limit ${PAGE}`,
            ...key.map((column) => from[column] ?? null),
          );
    yield* page;
    last = page.at(-1);
    if (page.length < PAGE) return;
  }
}

const quoted = (column: string): string => `"${column}"`;

const withEnv = z.looseObject({ env: z.record(z.string(), z.unknown()).optional() });
const envOf = (value: string): Record<string, unknown> => fromJson(withEnv, value)?.env ?? {};

function withoutEnv(table: Table, row: Row): Row {
  const { value } = row;
  if (table.name !== "config" || typeof value !== "string" || Object.keys(envOf(value)).length === 0)
    return row;
  const { env: _left, ...rest } = fromJson(withEnv, value) ?? {};
  return { ...row, value: toJson(rest) };
}
