/**
 * A town's work costs what is due, never what exists (ARCHITECTURE.md, decision 3). SQLite says of every
 * statement that a town in the middle of everything runs how it finds its rows: no table that grows with
 * the town's history may be read from end to end.
 */
import { withSql } from "#host";
import { describe, expect, it } from "vitest";
import { richTown } from "../scenarios/rich-town.ts";
import type { Sql, SqlValue } from "./sql.ts";

const MINUTE = 60_000;

/** Read as a whole here and there, and why that stays cheap. */
const SMALL: Readonly<Record<string, string>> = {
  rigs: "a town has a few",
  lanes: "only those whose target was red once, or that somebody paused",
  agents: "names are few, and each is used again",
  budget_levels: "only what came near to its budget, looked at when settings change",
  ui_contexts: "five of each person",
  snoozes: "what a person has put aside, until that is over",
  w: "the queue of a recursive statement: what it has found itself",
  mayor_messages: "the newest, by their number, up to a limit",
};

/** Every statement that goes through, with how many values it takes. */
function listening(sql: Sql, heard: Map<string, number>): Sql {
  const hear = (query: string, values: readonly SqlValue[]): void => void heard.set(query, values.length);
  return {
    exec: (script) => sql.exec(script),
    transaction: (fn) => sql.transaction(fn),
    run: (query, ...values) => {
      hear(query, values);
      return sql.run(query, ...values);
    },
    get: (query, ...values) => {
      hear(query, values);
      return sql.get(query, ...values);
    },
    all: (query, ...values) => {
      hear(query, values);
      return sql.all(query, ...values);
    },
  };
}

function plan(sql: Sql, query: string, values: number): string[] {
  const nothing = Array.from({ length: values }, (): SqlValue => null);
  return sql.all<{ detail: string }>(`explain query plan ${query}`, ...nothing).map(({ detail }) => detail);
}

/** The tables (or their aliases) of a statement that are read from end to end, without any index. */
function scanned(sql: Sql, query: string, values: number): string[] {
  return plan(sql, query, values).flatMap((detail) => /^SCAN (\w+)$/.exec(detail)?.[1] ?? []);
}

describe("the statements of a town", () => {
  it("read no table that grows from end to end", () =>
    withSql((sql) => {
      const heard = new Map<string, number>();
      const h = richTown(listening(sql, heard));
      h.advance(45 * MINUTE);
      // What the town does; lists that a person asks for are among it where the scenario reads them.
      expect(heard.size).toBeGreaterThan(200);
      const costly = [...heard].flatMap(([query, values]) =>
        scanned(sql, query, values)
          .filter((table) => SMALL[table] === undefined)
          .map((table) => `${table}: ${query.replaceAll(/\s+/g, " ")}`),
      );
      expect(costly).toEqual([]);
    }));

  it("find what may be polled among what waits, not among a week of polls that are done", () =>
    withSql((sql) => {
      const heard = new Map<string, number>();
      const h = richTown(listening(sql, heard));
      h.advance(45 * MINUTE);
      const polls = [...heard].filter(
        ([query]) => query.includes("from outbox") && query.includes("kind = 'poll_pull_request'"),
      );
      expect(polls).toHaveLength(1);
      for (const [query, values] of polls)
        expect(plan(sql, query, values)[0]).toBe("SEARCH o USING INDEX outbox_polls (due_at<?)");
    }));

  it("would be seen reading one", () =>
    withSql((sql) => {
      richTown(sql);
      expect(scanned(sql, "select id from beads where body = ?", 1)).toEqual(["beads"]);
      expect(scanned(sql, "select id from beads where id = ?", 1)).toEqual([]);
    }));
});
