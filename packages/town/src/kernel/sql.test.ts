import { withSql } from "#host";
import { describe, expect, it } from "vitest";
import { isUniqueViolation, type Sql, type SqlValue } from "./sql.ts";

const SCHEMA = `
  -- a comment; with a semicolon
  create table item (id integer primary key, name text not null unique, data blob) strict;
  create table log (n integer not null) strict;
  create trigger item_log after insert on item begin
    insert into log values (new.id);
  end;
`;

const withItems = (fn: (sql: Sql) => void): Promise<void> =>
  withSql((sql) => {
    sql.exec(SCHEMA);
    fn(sql);
  });

const add = (sql: Sql, name: string): void => sql.run("insert into item (name) values (?)", name);
const names = (sql: Sql): SqlValue[] =>
  sql.all<{ name: string }>("select name from item order by id").map((row) => row.name);

const thrown = (fn: () => unknown): unknown => {
  try {
    fn();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
};

describe("statements", () => {
  it("returns rows, one row, or nothing", () =>
    withItems((sql) => {
      add(sql, "a");
      add(sql, "b");
      expect(sql.all("select id, name from item order by id")).toEqual([
        { id: 1, name: "a" },
        { id: 2, name: "b" },
      ]);
      expect(sql.get("select name from item where id = ?", 2)).toEqual({ name: "b" });
      expect(sql.get("select name from item where id = ?", 3)).toBeUndefined();
    }));

  it("carries out a writing statement completely when only one row is taken", () =>
    withItems((sql) => {
      const row = sql.get<{ name: string }>(
        "insert into item (name) select value from json_each(?) returning name",
        '["a","b","c"]',
      );
      expect(row).toEqual({ name: "a" });
      expect(names(sql)).toEqual(["a", "b", "c"]);
      expect(sql.get("select count(*) as n from log")).toEqual({ n: 3 });
    }));

  it("counts through changes()", () =>
    withItems((sql) => {
      add(sql, "a");
      add(sql, "b");
      sql.run("update item set name = name || '!'");
      expect(sql.get("select changes() as n")).toEqual({ n: 2 });
    }));

  it("uses one parameter twice", () =>
    withItems((sql) => {
      expect(sql.get("select ?1 = ?1 as same, ?2 as other", "x", "y")).toEqual({
        same: 1,
        other: "y",
      });
    }));

  it("sees a table that was created after the statement failed", () =>
    withSql((sql) => {
      expect(() => sql.all("select * from later")).toThrow(/no such table/);
      sql.exec("create table later (a integer) strict;");
      expect(sql.all("select * from later")).toEqual([]);
      sql.exec("alter table later add column b text");
      sql.run("insert into later values (1, 'x')");
      expect(sql.all("select * from later")).toEqual([{ a: 1, b: "x" }]);
    }));

  it("outlives more different statements than it keeps", () =>
    withItems((sql) => {
      for (let i = 0; i < 1200; i += 1) expect(sql.get(`select ${i} as n`)).toEqual({ n: i });
      expect(sql.get("select 0 as n")).toEqual({ n: 0 });
    }));

  it("enforces foreign keys", () =>
    withItems((sql) => {
      sql.exec("create table child (item integer not null references item (id)) strict");
      expect(() => sql.run("insert into child values (?)", 9)).toThrow(/^FOREIGN KEY constraint failed/);
    }));
});

describe("isUniqueViolation", () => {
  it("knows a duplicate key from any other error", () =>
    withItems((sql) => {
      add(sql, "a");
      expect(isUniqueViolation(thrown(() => add(sql, "a")))).toBe(true);
      expect(isUniqueViolation(thrown(() => sql.run("insert into item (name) values (?)", null)))).toBe(
        false,
      );
      expect(isUniqueViolation("UNIQUE constraint failed")).toBe(false);
    }));
});

describe("transaction", () => {
  it("commits and returns the value", () =>
    withItems((sql) => {
      expect(
        sql.transaction(() => {
          add(sql, "a");
          return 7;
        }),
      ).toBe(7);
      expect(names(sql)).toEqual(["a"]);
    }));

  it("rolls everything back on a throw, schema changes too", () =>
    withItems((sql) => {
      const boom = new Error("boom");
      const error = thrown(() =>
        sql.transaction(() => {
          add(sql, "a");
          sql.exec("create table gone (a integer) strict");
          throw boom;
        }),
      );
      expect(error).toBe(boom);
      expect(names(sql)).toEqual([]);
      expect(() => sql.all("select * from gone")).toThrow(/no such table/);
      add(sql, "b");
      expect(names(sql)).toEqual(["b"]);
    }));

  it("takes back only the inner one that was caught", () =>
    withItems((sql) => {
      sql.transaction(() => {
        add(sql, "outer");
        for (const name of ["x", "y"])
          thrown(() =>
            sql.transaction(() => {
              add(sql, name);
              sql.transaction(() => add(sql, `${name}-deep`));
              throw new Error("inner");
            }),
          );
        sql.transaction(() => add(sql, "kept"));
      });
      expect(names(sql)).toEqual(["outer", "kept"]);
    }));

  it("takes back an inner one that succeeded when the outer one throws", () =>
    withItems((sql) => {
      thrown(() =>
        sql.transaction(() => {
          sql.transaction(() => add(sql, "inner"));
          throw new Error("outer");
        }),
      );
      expect(names(sql)).toEqual([]);
    }));

  it("stays usable after a constraint error that was caught inside", () =>
    withItems((sql) => {
      add(sql, "a");
      sql.transaction(() => {
        add(sql, "b");
        expect(isUniqueViolation(thrown(() => add(sql, "a")))).toBe(true);
        add(sql, "c");
      });
      expect(names(sql)).toEqual(["a", "b", "c"]);
    }));

  it("refuses a promise and rolls back", () =>
    withItems((sql) => {
      const late = () =>
        sql.transaction(() => {
          add(sql, "a");
          return Promise.resolve(1);
        });
      expect(late).toThrow(/synchronous/);
      expect(names(sql)).toEqual([]);
      sql.transaction(() => thrown(late));
      expect(names(sql)).toEqual([]);
    }));
});

describe("values", () => {
  it("copies blobs in both directions", () =>
    withItems((sql) => {
      const backing = new Uint8Array([9, 1, 2, 3, 9]);
      const part = backing.subarray(1, 4);
      sql.run("insert into item (name, data) values ('a', ?)", part);
      part.fill(0);
      const read = () => sql.get<{ data: Uint8Array }>("select data from item where name = 'a'");
      const first = read()?.data;
      expect(first).toBeInstanceOf(Uint8Array);
      expect([...(first ?? [])]).toEqual([1, 2, 3]);
      first?.fill(0);
      expect([...(read()?.data ?? [])]).toEqual([1, 2, 3]);
    }));

  it("keeps integers, fractions, text and NULL", () =>
    withSql((sql) => {
      sql.exec("create table v (i integer, r real, t text) strict");
      sql.run("insert into v values (?, ?, ?)", Number.MAX_SAFE_INTEGER, 0.5, "ä\u{1F600}");
      sql.run("insert into v values (?, ?, ?)", null, null, null);
      expect(sql.all("select * from v")).toEqual([
        { i: Number.MAX_SAFE_INTEGER, r: 0.5, t: "ä\u{1F600}" },
        { i: null, r: null, t: null },
      ]);
    }));

  const wrong: [string, unknown][] = [
    ["boolean", true],
    ["undefined", undefined],
    ["bigint", 5n],
    ["Date", new Date(0)],
    ["object", { a: 1 }],
    ["array", [1]],
    ["NaN", Number.NaN],
    ["an unsafe integer", 2 ** 53],
  ];
  it.each(wrong)("refuses %s", (_name, value) =>
    withSql((sql) => {
      expect(() => sql.all("select ? as x", value as SqlValue)).toThrow(/is not an SQL value/);
    }),
  );

  it.each([
    ["too few", "select ?, ?", ["a"]],
    ["too many", "select ?", ["a", "b"]],
    ["one for a number above it", "select ?2", ["a"]],
    ["one for a question mark in a string", "select '?'", ["a"]],
  ] satisfies [string, string, SqlValue[]][])("refuses %s values", (_name, text, values) =>
    withSql((sql) => {
      expect(() => sql.all(text, ...values)).toThrow(/values? for \d+ parameters/);
    }),
  );
});

describe("texts that the hosts would treat differently", () => {
  it.each([
    ["two statements", "select 1; select 2", /more than one/],
    ["nothing", " -- only a comment", /empty/],
    ["a comment at the end", "select 1; -- end", /end in a comment/],
    ["begin", "BEGIN", /not a statement of the port/],
    ["savepoint", "savepoint a", /not a statement of the port/],
    ["or rollback", "insert or rollback into item (name) values ('a')", /OR ROLLBACK/],
    ["named parameters", "select :a", /only \? parameters/],
    ["more than 100 parameters", `select ${Array(101).fill("?").join(",")}`, /more than 100 parameters/],
    ["too long", `select '${"x".repeat(100_001)}'`, /longer than/],
  ])("refuses %s", (_name, text, message) =>
    withItems((sql) => {
      expect(() => sql.all(text)).toThrow(message);
    }),
  );

  it("accepts one statement that ends in a semicolon", () =>
    withSql((sql) => {
      expect(sql.get("select 'a;b' as x /* inside */;")).toEqual({ x: "a;b" });
    }));

  it.each([
    ["an empty script", "  "],
    ["a script that ends in a comment", "create table a (b integer) strict; -- end"],
  ])("refuses %s", (_name, script) =>
    withSql((sql) => {
      expect(() => sql.exec(script)).toThrow(TypeError);
    }),
  );
});
