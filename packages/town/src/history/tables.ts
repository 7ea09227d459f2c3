/** The tables of a database as it says itself: what an export has a line for, and what an import may hold. */
import { z } from "zod";
import type { Sql } from "../kernel/sql.ts";
import { OMITTED_TABLES } from "./format.ts";
import { COLUMN_RULES } from "./rules.ts";

type Column = { name: string; type: string; notnull: number; pk: number };

export interface Table {
  readonly name: string;
  readonly columns: readonly string[];
  /** Columns of the primary key, in order. */
  readonly key: readonly string[];
  readonly schema: z.ZodType<Readonly<Record<string, string | number | null>>>;
}

/** All tables of the town that are exported, by name. */
export function exportedTables(sql: Sql): Table[] {
  return sql
    .all<{ name: string }>("select name from sqlite_schema where type = 'table' order by name")
    .map(({ name }) => name)
    .filter((name) => !/^(sqlite|_cf)_/.test(name) && !OMITTED_TABLES.has(name))
    .map((name) => table(sql, name));
}

function table(sql: Sql, name: string): Table {
  const columns = sql.all<Column>(
    `select name, type, "notnull", pk from pragma_table_info('${name}') order by cid`,
  );
  const key = columns.filter(({ pk }) => pk > 0).toSorted((a, b) => a.pk - b.pk);
  return {
    name,
    columns: columns.map((column) => column.name),
    key: key.map((column) => column.name),
    schema: z.strictObject(
      Object.fromEntries(columns.map((column) => [column.name, columnSchema(name, column)])),
    ),
  };
}

function columnSchema(tableName: string, column: Column): z.ZodType<string | number | null> {
  const value = COLUMN_RULES[`${tableName}.${column.name}`] ?? plain(column.type);
  return column.notnull === 1 || column.pk > 0 ? value : value.nullable();
}

function plain(type: string): z.ZodType<string | number> {
  if (type === "INTEGER") return z.int();
  return type === "REAL" ? z.number() : z.string();
}
