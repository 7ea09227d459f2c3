/**
 * A town from JSON lines (`format.ts`), into a database that holds none yet. Nothing of it counts before
 * `finish`: whoever imports throws the database away when anything here throws, so it is all or nothing.
 */
import { GastownError } from "@gastown/protocol";
import { z } from "zod";
import type { Sql } from "../kernel/sql.ts";
import { migrateTo, SCHEMA_VERSION } from "../migrations/migrate.ts";
import { openTown } from "../open-town.ts";
import type { TownPorts } from "../town.ts";
import {
  EXPORT_FORMAT,
  EXPORT_VERSION,
  exportEnd,
  exportHeader,
  exportRow,
  type ExportHeader,
} from "./format.ts";
import { exportedTables, type Table } from "./tables.ts";

/** Rows to a transaction. */
const BATCH = 500;

export interface TownImport {
  /** What the first line said; undefined before it was given. */
  readonly header: ExportHeader | undefined;
  /**
   * The next lines of the export, without their ends. Throws `validation_failed` with the line's number and
   * what is wrong with it, `not_ready` for an export of a newer gastown.
   */
  lines(texts: readonly string[]): void;
  /**
   * Everything was given: brings it to this version, puts what ran into a safe state and checks the
   * invariants. Throws `validation_failed` where something is missing or does not fit together.
   */
  finish(): ExportHeader;
}

export function importTown(ports: TownPorts): TownImport {
  const { sql } = ports;
  let number = 0;
  let rows = 0;
  let header: ExportHeader | undefined;
  let tables = new Map<string, Table>();
  let ended = false;

  const line = (text: string): void => {
    number++;
    if (ended) throw wrong(number, "there is more after the last line");
    const value = parsed(number, text);
    if (header === undefined) {
      header = headerOf(value);
      tables = prepare(sql, header);
    } else if (exportEnd.safeParse(value).success) {
      ended = true;
      const wanted = exportEnd.parse(value).rows;
      if (wanted !== rows) throw wrong(number, `it counts ${wanted} rows, and there were ${rows}`);
    } else {
      store(sql, tables, number, value);
      rows++;
    }
  };

  return {
    get header() {
      return header;
    },
    lines(texts) {
      for (let at = 0; at < texts.length; at += BATCH)
        sql.transaction(() => {
          for (const text of texts.slice(at, at + BATCH)) line(text);
        });
    },
    finish() {
      if (header === undefined)
        throw new GastownError("validation_failed", "There is nothing in this export.");
      if (!ended)
        throw new GastownError(
          "validation_failed",
          `The export was cut off after line ${number}: its last line is missing. Export the town again.`,
        );
      complete(ports, header);
      return header;
    },
  };
}

function wrong(number: number, why: string): GastownError {
  return new GastownError(
    "validation_failed",
    `Line ${number} of the export: ${why}. Nothing was imported.`,
    {
      line: number,
    },
  );
}

function parsed(number: number, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw wrong(number, "it is no JSON");
  }
}

const anyHeader = z.looseObject({
  format: z.literal(EXPORT_FORMAT),
  version: z.number(),
  schema: z.number(),
  program: z.string(),
});

function headerOf(value: unknown): ExportHeader {
  const any = anyHeader.safeParse(value);
  if (!any.success) throw wrong(1, "it does not say that this is an exported town");
  const { version, schema, program } = any.data;
  if (version > EXPORT_VERSION || schema > SCHEMA_VERSION)
    throw new GastownError(
      "not_ready",
      `This export was written by a newer gastown (${program}, schema ${schema}; this one knows up to ${SCHEMA_VERSION}). Import it with that one.`,
    );
  const header = exportHeader.safeParse(value);
  if (header.success) return header.data;
  throw wrong(1, reasonOf(header.error));
}

/** The tables of the version that wrote it, and nothing in them: migrations put rows of their own there. */
function prepare(sql: Sql, { schema }: ExportHeader): Map<string, Table> {
  migrateTo(sql, schema);
  if (sql.get("select 1 as n from town"))
    throw new GastownError("already_exists", "This database holds a town already.");
  const tables = exportedTables(sql);
  for (const { name } of tables) sql.run(`delete from ${name}`);
  return new Map(tables.map((table) => [table.name, table]));
}

function store(sql: Sql, tables: Map<string, Table>, number: number, value: unknown): void {
  const one = exportRow.safeParse(value);
  if (!one.success) throw wrong(number, `it is no row (${reasonOf(one.error)})`);
  const table = tables.get(one.data.table);
  if (table === undefined) throw wrong(number, `there is no table ${one.data.table} in an export`);
  const row = table.schema.safeParse(one.data.row);
  if (!row.success) throw wrong(number, `${table.name}.${reasonOf(row.error)}`);
  const { data } = row;
  try {
    sql.run(
      `insert into ${table.name} (${table.columns.map((column) => `"${column}"`).join(", ")})
       values (${table.columns.map(() => "?").join(", ")})`,
      ...table.columns.map((column) => data[column] ?? null),
    );
  } catch (error) {
    throw wrong(number, `${table.name}: ${error instanceof Error ? error.message : "it cannot be stored"}`);
  }
}

/** What and why, never the value: it may be somebody's secret. */
function reasonOf({ issues }: z.ZodError): string {
  const [issue] = issues;
  const what = issue?.code === "unrecognized_keys" ? `unknown ${issue.keys.join(", ")}` : issue?.message;
  return `${issue?.path.join(".") ?? ""}: ${what ?? "not what it should be"}`;
}

function complete(ports: TownPorts, header: ExportHeader): void {
  const stored = ports.sql.get<{ town_id: string }>("select town_id from town where id = 1");
  if (stored?.town_id !== header.town.id)
    throw new GastownError(
      "validation_failed",
      "The town's own row is missing or is of another town. Nothing was imported.",
    );
  const town = openTown(ports);
  town.imported(header.omitted.secrets);
  const [violation, ...more] = town.checkInvariants();
  if (violation === undefined) return;
  throw new GastownError(
    "validation_failed",
    `What was exported does not fit together: ${violation.title} (${violation.subjects.slice(0, 5).join(", ")})${more.length > 0 ? ` and ${more.length} more` : ""}. Nothing was imported.`,
    { violations: [violation, ...more].map(({ id, subjects }) => ({ id, subjects: subjects.slice(0, 20) })) },
  );
}
