/** What SQLite does when the disk is full, with its own limit of pages as the end of the disk. */
import { DatabaseSync } from "node:sqlite";
import { GastownError } from "@gastown/protocol";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { nodeSql, sqlOptions } from "./node-sql.ts";

let db: DatabaseSync;
beforeEach(() => {
  db = new DatabaseSync(":memory:", sqlOptions);
  db.exec("create table t (text text not null) strict; pragma max_page_count = 20");
});
afterEach(() => db.close());

const LARGE = "x".repeat(200_000);
const insert = "insert into t values (?)";
function failure(fn: () => unknown): unknown {
  try {
    fn();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe("a row", () => {
  it("has the columns that its table has by now, also where the statement was used before", () => {
    const sql = nodeSql(db);
    sql.run(insert, "x");
    expect(sql.get("select * from t")).toEqual({ text: "x" });
    sql.exec("alter table t add column more text; alter table t rename column text to words");
    expect(sql.get("select * from t")).toEqual({ words: "x", more: null });
    expect(sql.all("select * from t")).toEqual([{ words: "x", more: null }]);
  });
});

describe("a full disk", () => {
  it("is told as that, with what to do, and nothing of the transaction stays", () => {
    const sql = nodeSql(db);
    const error = failure(() =>
      sql.transaction(() => {
        sql.run(insert, "before");
        sql.run(insert, LARGE);
      }),
    );
    expect(error).toBeInstanceOf(GastownError);
    expect(error).toMatchObject({
      code: "storage_busy",
      message: expect.stringMatching(/disk is full.*Free some space/),
    });
    expect(sql.all("select * from t")).toEqual([]);
  });

  it("ends the whole transaction, also for somebody who catches it inside and goes on", () => {
    const sql = nodeSql(db);
    const error = failure(() =>
      sql.transaction(() => {
        sql.run(insert, "before");
        failure(() => sql.transaction(() => sql.run(insert, LARGE)));
        failure(() => sql.run(insert, LARGE));
        sql.run(insert, "after");
      }),
    );
    expect(error).toMatchObject({ code: "storage_busy" });
    expect(sql.all("select * from t")).toEqual([]);
  });

  it("is over when there is space again", () => {
    const sql = nodeSql(db);
    failure(() => sql.transaction(() => sql.run(insert, LARGE)));
    db.exec("pragma max_page_count = 2000");
    sql.transaction(() => sql.run(insert, "x"));
    expect(sql.all("select * from t")).toEqual([{ text: "x" }]);
  });

  it("leaves what is not the storage's fault as it is", () => {
    const sql = nodeSql(db);
    expect(failure(() => sql.run("insert into t values (?)", null))).toMatchObject({
      message: expect.stringContaining("NOT NULL"),
    });
    expect(failure(() => sql.run(insert, null))).not.toBeInstanceOf(GastownError);
  });
});
