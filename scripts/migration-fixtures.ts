/**
 * For each schema version that has none yet: a small database of that version, as SQL text, for
 * `packages/town/src/migrations/migrate.test.ts`; and the hash of each migration that is new. What is there
 * is never written again, or the test would prove nothing. To try an unlanded migration anew, delete its
 * fixture and its hash first.
 *
 * The rows are those of a town in the middle of everything, as far as that version had their columns.
 */
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { nodeSql, sqlOptions } from "../apps/node/src/storage/node-sql.ts";
import { LANDED } from "../packages/town/src/migrations/landed.ts";
import { MIGRATIONS, migrateTo, SCHEMA_VERSION } from "../packages/town/src/migrations/migrate.ts";
import { richTown } from "../packages/town/src/scenarios/rich-town.ts";

const at = (path: string): string =>
  fileURLToPath(new URL(`../packages/town/src/migrations/${path}`, import.meta.url));
const name = (version: number): string => String(version).padStart(4, "0");

/** Of what there is much of, the last few are enough. */
const FEW: Readonly<Record<string, string>> = {
  audit: "seq > (select max(seq) - 12 from audit)",
  inbox: "state = 'pending' or seq > (select max(seq) - 3 from inbox)",
  outbox: "state <> 'done' or id in (select id from outbox where state = 'done' order by id desc limit 6)",
};

function open(): { db: DatabaseSync; sql: ReturnType<typeof nodeSql> } {
  const db = new DatabaseSync(":memory:", sqlOptions);
  return { db, sql: nodeSql(db) };
}

type Named = { name: string };
const columns = (sql: ReturnType<typeof nodeSql>, table: string): string[] =>
  sql.all<Named>(`select name from pragma_table_info('${table}')`).map((one) => one.name);

function fixture(version: number, rich: ReturnType<typeof nodeSql>): string {
  const { db, sql } = open();
  migrateTo(sql, version);
  const schema = sql.all<{ name: string; type: string; sql: string }>(
    "select name, type, sql from sqlite_schema where sql is not null and name not like 'sqlite%' order by rowid",
  );
  const lines = schema.map((one) => `${one.sql.replaceAll(/\s+/g, " ")};`);
  for (const { name: table } of schema.filter(({ type }) => type === "table")) {
    const known = new Set(columns(rich, table));
    // A column that a later version took away held something: no time, no text, nothing.
    const values = columns(sql, table).map((column) => (known.has(column) ? `quote("${column}")` : "'0'"));
    if (table === "schema_version") lines.push(`insert into schema_version values (1, ${version});`);
    else if (known.size > 0)
      lines.push(
        ...rich
          .all<{ line: string }>(
            `select ${values.join(" || ', ' || ")} as line from ${table} where ${FEW[table] ?? "true"}`,
          )
          .map(({ line }) => `insert into ${table} values (${line});`),
      );
  }
  db.close();
  return `${lines.join("\n")}\n`;
}

/** The version that brought pull requests. */
const PULL_REQUESTS = 3;
const rich = open();
richTown(rich.sql);
const before = open();
richTown(before.sql, { pullRequests: false });
for (let version = 1; version <= SCHEMA_VERSION; version++) {
  const path = at(`fixtures/${name(version)}.sql`);
  if (!existsSync(path)) writeFileSync(path, fixture(version, (version < PULL_REQUESTS ? before : rich).sql));
}
for (const { db } of [rich, before]) db.close();

const added = MIGRATIONS.slice(LANDED.length).map(
  (sql) => `  "${createHash("sha256").update(sql).digest("hex")}",\n`,
);
const file = at("landed.ts");
writeFileSync(file, readFileSync(file, "utf8").replace(/\];\n$/, `${added.join("")}];\n`));
