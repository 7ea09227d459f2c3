/**
 * Towns of every earlier version open in this one (spec/town.md §1). The fixtures are databases as that
 * version made them, as text: they owe nothing to the migrations of today, so that a change of one that
 * towns have run already shows here.
 */
import { withSql } from "#host";
import { describe, expect, it } from "vitest";
import type { Sql } from "../kernel/sql.ts";
import { openTown } from "../open-town.ts";
import { PERSON } from "../scenarios/harness.ts";
import { LANDED } from "./landed.ts";
import { migrate, MIGRATIONS, SCHEMA_VERSION } from "./migrate.ts";

declare global {
  interface ImportMeta {
    /** Vite's: the texts of files. */
    glob(
      pattern: string,
      options: { query: "?raw"; import: "default"; eager: true },
    ): Readonly<Record<string, string>>;
  }
}

const FIXTURES: Readonly<Record<string, string>> = import.meta.glob("./fixtures/*.sql", {
  query: "?raw",
  import: "default",
  eager: true,
});
const fixtureOf = (version: number): string | undefined =>
  FIXTURES[`./fixtures/${String(version).padStart(4, "0")}.sql`];
const VERSIONS = Array.from({ length: SCHEMA_VERSION }, (_, i) => i + 1);

/** Long after anything in the fixtures. */
const LATER = 1_900_000_000_000;

function opened(sql: Sql) {
  let n = 0;
  const random = (): Uint8Array => Uint8Array.from({ length: 16 }, (_, i) => (i === 0 ? ++n : 31));
  return openTown({ sql, now: () => LATER, random, fallbackRuntime: "scripted" });
}

/** Tables with their columns, and indexes, as they are now. */
const shape = (sql: Sql): unknown => ({
  columns: sql.all(
    `select t.name as "table", c.name, c.type, c."notnull", c.dflt_value, c.pk from sqlite_schema t join pragma_table_info(t.name) c
     where t.type = 'table' and t.name not like 'sqlite%' and t.name not like '\\_cf%' escape '\\' order by 1, 2`,
  ),
  indexes: sql
    .all<{ sql: string }>(
      "select sql from sqlite_schema where type = 'index' and sql is not null order by name",
    )
    .map((index) => index.sql.replaceAll(/\s+/g, " ")),
});

const tables = (sql: Sql): string[] =>
  sql
    .all<{ name: string }>(
      "select name from sqlite_schema where type = 'table' and name not like 'sqlite%' and name not like '\\_cf%' escape '\\' order by name",
    )
    .map(({ name }) => name);
const counts = (sql: Sql, names: readonly string[]): Record<string, unknown> =>
  Object.fromEntries(names.map((name) => [name, sql.get(`select count(*) as n from ${name}`)?.["n"]]));

describe("migrations that have landed", () => {
  it("are never changed, and each has its hash and its fixture", async () => {
    const hashes = await Promise.all(
      MIGRATIONS.map(async (text) => {
        // oxlint-disable-next-line no-restricted-globals -- a test may know what the engine may not
        const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
        return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
      }),
    );
    expect(hashes.slice(0, LANDED.length), "A landed migration was changed: mend it by another.").toEqual([
      ...LANDED,
    ]);
    const missing = VERSIONS.filter(
      (version) => LANDED[version - 1] === undefined || fixtureOf(version) === undefined,
    );
    expect(missing, "Run `node scripts/migration-fixtures.ts` for the new ones.").toEqual([]);
  });
});

describe.each(VERSIONS)("a town of schema version %i", (version) => {
  const old = fixtureOf(version) ?? "";

  it("has rows in every table, and becomes what a new one is", () =>
    withSql(async (sql) => {
      sql.exec(old.trimEnd());
      const before = counts(sql, tables(sql));
      expect(Object.entries(before).filter(([, n]) => n === 0)).toEqual([]);
      migrate(sql);
      expect(counts(sql, Object.keys(before))).toEqual(before);
      const migrated = shape(sql);
      await withSql((fresh) => {
        migrate(fresh);
        expect(migrated).toEqual(shape(fresh));
      });
    }));

  it("is read, holds the invariants, and goes on", () =>
    withSql((sql) => {
      sql.exec(old.trimEnd());
      const town = opened(sql);
      expect(town.checkInvariants()).toEqual([]);
      readEverything(town);
      const seq = town.newestSeq();
      town.hostStarted();
      for (let i = 0; i < 5; i++) {
        town.tick();
        town.claimEffects();
      }
      expect(town.checkInvariants()).toEqual([]);
      const kinds = town.feed({ after: seq, limit: 200 }).map(({ kind, text }) => `${kind} ${text}`);
      expect(kinds.filter((kind) => /failed|unreadable|dead/.test(kind.split(" ")[0] ?? ""))).toEqual([]);
      const { id } = town.sling("plain", { title: "after all this" }, { held: false }, PERSON);
      expect(town.bead(id).title).toBe("after all this");
    }));
});

function readEverything(town: ReturnType<typeof opened>): void {
  const beads = town.beads(
    { status: ["open", "in_progress", "in_review", "closed", "failed"] },
    { limit: 200 },
  );
  expect(beads.items.length).toBeGreaterThan(10);
  for (const { id } of beads.items) {
    expect(town.bead(id).id).toBe(id);
    town.why(id);
  }
  expect(town.rigs().length).toBeGreaterThan(1);
  for (const { id } of town.rigs()) town.rigConfig(id);
  for (const state of ["landed", "active"])
    for (const { id } of town.convoys({ state })) expect(town.convoy(id).id).toBe(id);
  for (const state of ["merged", "landing", "queued"])
    expect(town.merges({ state }).length).toBeGreaterThan(0);
  for (const { id } of town.sessions({})) town.transcript(id, 0, 10);
  expect(town.agents().length).toBeGreaterThan(1);
  expect(town.escalations({}).length).toBeGreaterThan(0);
  expect(town.mayorQueue().length).toBeGreaterThan(0);
  town.conversation(50);
  town.status();
  town.config();
}
