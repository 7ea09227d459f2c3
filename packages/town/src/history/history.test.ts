/** A town out and in again: the same town, nothing secret, nothing of its past done twice. */
import { withSql } from "#host";
import { describe, expect, it } from "vitest";
import type { Sql } from "../kernel/sql.ts";
import { migrateTo } from "../migrations/migrate.ts";
import { openTown } from "../open-town.ts";
import { PERSON } from "../scenarios/harness.ts";
import { richTown } from "../scenarios/rich-town.ts";
import type { Town } from "../town.ts";
import { exportLines } from "./export.ts";
import { faultyRows } from "./faulty-rows.ts";
import { importTown, type TownImport } from "./import.ts";
import { exportedTables } from "./tables.ts";

const LATER = 1_790_100_000_000;
const about = { program: "test", now: LATER };

/** Over all towns of this file: what is imported twice gets new ids twice. */
let made = 0;

function portsOf(sql: Sql) {
  const random = (): Uint8Array => {
    const n = ++made;
    return Uint8Array.from({ length: 16 }, (_, i) => (i < 2 ? (n >> (5 * (1 - i))) & 31 : 31));
  };
  return { sql, now: () => LATER, random, fallbackRuntime: "scripted" };
}

const linesOf = (sql: Sql): string[] => [...exportLines(sql, about)].map((line) => line.slice(0, -1));

let once: readonly string[] | undefined;

/** The export of the town in the middle of everything. */
async function exported(): Promise<string[]> {
  await withSql((sql) => {
    if (once !== undefined) return;
    richTown(sql);
    once = linesOf(sql);
  });
  return [...(once ?? [])];
}

function into(sql: Sql, lines: readonly string[]): Town {
  const ports = portsOf(sql);
  const importing = importTown(ports);
  importing.lines(lines);
  importing.finish();
  return openTown(ports);
}

const rows = (sql: Sql): Record<string, unknown[]> =>
  Object.fromEntries(exportedTables(sql).map(({ name }) => [name, sql.all(`select * from ${name}`)]));

describe("an export", () => {
  it("has every row of every table but the secrets, says which those were, and holds none of them", () =>
    withSql((sql) => {
      const h = richTown(sql);
      h.town.setConfig({ env: { DEPLOY_KEY: "hunter2-hunter2", PLAIN: "x" } }, PERSON);
      const lines = linesOf(sql);
      const header: unknown = JSON.parse(lines[0] ?? "");
      expect(header).toMatchObject({
        format: "gastown-town",
        town: { id: h.town.id, name: "test" },
        omitted: {
          secrets: [{ scope: "town", key: "github_token" }],
          env: { town: ["DEPLOY_KEY", "PLAIN"] },
        },
      });
      expect(lines.join("\n")).not.toMatch(/sealed:|hunter2|…1234/);
      const counted = Object.values(rows(sql)).reduce((sum, found) => sum + found.length, 0);
      expect(JSON.parse(lines.at(-1) ?? "")).toEqual({ end: true, rows: counted });
      expect(lines).toHaveLength(counted + 2);
    }));
});

describe("a round trip", () => {
  it("gives back every row as it was, with its id", async () => {
    const lines = await exported();
    await withSql((sql) => {
      importTown(portsOf(sql)).lines(lines);
      expect(linesOf(sql).slice(1)).toEqual(lines.slice(1));
    });
  });

  it("of an imported town changes nothing but the record of the import", async () => {
    const lines = await exported();
    let first: string[] = [];
    await withSql((sql) => {
      into(sql, lines);
      first = linesOf(sql);
    });
    await withSql((sql) => {
      into(sql, first);
      const known = new Set(first);
      const news = linesOf(sql)
        .slice(1, -1)
        .filter((line) => !known.has(line))
        .map((line) => JSON.parse(line) as { table: string; row: { kind?: string } })
        // What was asked for anew by the first import is asked for anew by the second.
        .filter(({ table }) => table !== "outbox");
      expect(news.map(({ table, row }) => row.kind ?? table).toSorted()).toEqual(["town", "town.imported"]);
    });
  });
});

describe("an imported town", () => {
  it("holds the invariants, is paused, has no live session and sends nothing of its past again", async () => {
    const lines = await exported();
    await withSql((sql) => {
      const town = into(sql, lines);
      expect(town.checkInvariants()).toEqual([]);
      expect(town.repair(false)).toEqual([]);
      expect(town.town()).toMatchObject({ paused: true });
      expect(town.sessions({ live: true })).toEqual([]);
      const before = sql.all<{ id: string }>("select id from outbox").map(({ id }) => id);
      expect(sql.all("select id from outbox where state in ('running', 'accepted')")).toEqual([]);
      const old = new Set(
        lines.flatMap((line) => /"table":"outbox","row":\{"id":"(\w+)"/.exec(line)?.[1] ?? []),
      );
      expect(old.size).toBeGreaterThan(50);
      const sent = [];
      for (let i = 0; i < 20; i++) {
        town.tick();
        sent.push(...town.claimEffects());
      }
      expect(sent.filter(({ id }) => old.has(id))).toEqual([]);
      // It reads, it sets up what was not ready, and it starts and lands nothing.
      const kinds = new Set(sent.map(({ request }) => request.kind));
      for (const kind of [
        "start_session",
        "merge",
        "merge_pull_request",
        "settle_session",
        "message_session",
      ])
        expect(kinds).not.toContain(kind);
      expect(before.length).toBeGreaterThan(old.size - 1);
      expect(town.checkInvariants()).toEqual([]);
    });
  });

  it("fences runners and sessions of before, however much the old town went on", async () => {
    const lines = await exported();
    await withSql((sql) => {
      const town = into(sql, lines);
      const beat = { instance_id: "run_00000000000000000000000001", draining: false, sessions: [] };
      expect(() => town.heartbeat(1_000_000, beat)).toThrow(/newer runner/);
    });
  });

  it("goes on when it is resumed: what was at work is open again, what was landing is approved", async () => {
    const lines = await exported();
    await withSql((sql) => {
      const town = into(sql, lines);
      const titles = (status: "open" | "in_progress") =>
        town.beads({ status: [status], type: ["issue"] }, { limit: 50 }).items.map(({ title }) => title);
      expect(titles("in_progress")).toEqual([]);
      expect(titles("open")).toEqual(expect.arrayContaining(["at work", "settling", "starting"]));
      expect(town.merges({ state: "landing" })).toEqual([]);
      expect(town.merges({ state: "approved" }).length).toBeGreaterThan(1);
      town.resume(PERSON);
      town.registerRunner("run_00000000000000000000000009");
      for (let i = 0; i < 20; i++) {
        town.tick();
        town.claimEffects();
      }
      const kinds = sql
        .all<{ kind: string }>("select kind from outbox where created_at = ?", LATER)
        .map(({ kind }) => kind);
      expect(kinds).toEqual(
        expect.arrayContaining(["start_session", "merge", "run_gates", "setup_rig", "branch"]),
      );
    });
  });

  it("of an older gastown is brought to this one", async () => {
    await withSql(async (sql) => {
      richTown(sql);
      const columns = await columnsOf(14);
      const beads = sql.get("select count(*) as n from beads");
      const old = linesOf(sql).flatMap((line, i) => {
        const value = JSON.parse(line) as { schema?: number; table?: string; row?: Record<string, unknown> };
        if (i === 0) return JSON.stringify({ ...value, schema: 14 });
        if (value.table === undefined) return [];
        const known = columns.get(value.table);
        if (known === undefined) return [];
        const row = Object.fromEntries(
          known.map((name) => [name, value.row?.[name] === undefined ? 0 : value.row[name]]),
        );
        return JSON.stringify({ table: value.table, row });
      });
      old.push(JSON.stringify({ end: true, rows: old.length - 1 }));
      await withSql((fresh) => {
        expect(into(fresh, old).checkInvariants()).toEqual([]);
        expect(fresh.get("select count(*) as n from beads")).toEqual(beads);
      });
    });
  });
});

async function columnsOf(version: number): Promise<Map<string, readonly string[]>> {
  const found = new Map<string, readonly string[]>();
  await withSql((sql) => {
    migrateTo(sql, version);
    for (const { name, columns } of exportedTables(sql)) found.set(name, columns);
  });
  return found;
}

describe("a row that is not what it should be", () => {
  it("is named with its table, its key and its column, and keeps nobody else from being read", () =>
    withSql((sql) => {
      const { town } = richTown(sql);
      expect(faultyRows(sql, 10)).toEqual([]);
      const [first, second] = town.beads({ status: ["closed"], type: ["issue"] }, { limit: 2 }).items;
      sql.run("update beads set labels = '{hunter2' where id = ?", first?.id ?? "");
      sql.run("update beads set status = 'gone' where id = ?", second?.id ?? "");
      const faults = faultyRows(sql, 10).toSorted((a, b) => (a.key < b.key ? -1 : 1));
      const keys = [first?.id, second?.id].toSorted();
      expect(faults.map(({ table, key }) => [table, key])).toEqual(keys.map((key) => ["beads", key]));
      expect(faults.map(({ problem }) => problem).join()).toMatch(/labels: not JSON/);
      expect(JSON.stringify(faults)).not.toContain("hunter2");
      expect(faultyRows(sql, 1)).toHaveLength(1);
      const shown = town.beads({ type: ["issue"], status: ["closed", "open"] }, { limit: 200 }).items;
      expect(shown.length).toBeGreaterThan(8);
      town.tick();
    }));
});

describe("what is no export, or not a whole one", () => {
  const refused = async (change: (lines: string[]) => string[]): Promise<string> => {
    const lines = change(await exported());
    let message = "";
    await withSql((sql) => {
      const importing: TownImport = importTown(portsOf(sql));
      try {
        importing.lines(lines);
        importing.finish();
      } catch (error) {
        message = error instanceof Error ? error.message : "";
      }
    });
    return message;
  };
  const replaced =
    (from: RegExp, to: string) =>
    (lines: string[]): string[] => {
      const at = lines.findIndex((line) => from.test(line));
      return lines.with(at, (lines[at] ?? "").replace(from, to));
    };

  it.each<[string, (lines: string[]) => string[], RegExp]>([
    ["nothing", () => [], /nothing in this export/],
    ["another file", () => ["{}"], /Line 1 .*does not say that this is an exported town/],
    ["no JSON", (lines) => lines.with(4, "{"), /Line 5 of the export: it is no JSON/],
    ["one that was cut off", (lines) => lines.slice(0, -1), /cut off after line \d+/],
    [
      "one of which a line is missing",
      (lines) => lines.toSpliced(9, 1),
      /counts \d+ rows, and there were \d+/,
    ],
    ["two in one", (lines) => [...lines, ...lines], /Line \d+ .*more after the last line/],
    ["a newer one", replaced(/"schema":\d+/, '"schema":999'), /newer gastown/],
    ["an unknown table", replaced(/"table":"agents"/, '"table":"secrets"'), /no table secrets/],
    ["an unknown column", replaced(/"row":\{/, '"row":{"sealed":"x",'), /unknown sealed/],
    ["a text for a number", replaced(/"priority":\d+/, '"priority":"1"'), /beads\.priority: .*number/],
    ["a status that there is not", replaced(/"status":"closed"/, '"status":"gone"'), /beads\.status/],
    ["an id of something else", replaced(/"id":"rig_\w+"/, '"id":"bead_1"'), /rigs\.id: not a rig id/],
    [
      "settings that are none",
      replaced(/"scope":"town","version":\d+,"value":"/, "$&!"),
      /config\.value: not/,
    ],
    ["one row twice", (lines) => lines.toSpliced(3, 0, lines[3] ?? ""), /Line 5 .*UNIQUE/],
    [
      "the town of another header",
      replaced(/"id":"town_\w+"/, '"id":"town_01J00000000000000000000009"'),
      /another town/,
    ],
    [
      "what does not fit together",
      replaced(/"status":"in_review"/, '"status":"open"'),
      /does not fit together.*in review/,
    ],
  ])("is refused: %s", async (_what, change, message) => {
    expect(await refused(change)).toMatch(message);
  });

  it("never says what stood there: it may be a secret", async () => {
    expect(await refused(replaced(/"status":"closed"/, '"status":"hunter2"'))).not.toContain("hunter2");
  });

  it("goes into no database that holds a town", async () => {
    const lines = await exported();
    await withSql((sql) => {
      richTown(sql);
      expect(() => importTown(portsOf(sql)).lines(lines)).toThrow(/holds a town already/);
    });
  });
});
