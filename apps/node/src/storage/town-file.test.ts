/**
 * The race: a large town is copied (for an export, a backup, or doctor) while its host commits all the time.
 * SQLite begins a copy anew whenever another connection has written meanwhile, so that this one would never
 * end. What must hold: it ends, and it is the town of the moment in which it began.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, it, onTestFinished } from "vitest";
import { sqlOptions } from "./node-sql.ts";
import { copyTownFile } from "./town-file.ts";

/** Pages of 4 kB, of which one step of a copy takes a hundred. */
const ROWS = 1_000;

it("copies a file that never rests as it was when the copy began", async () => {
  const folder = mkdtempSync(join(tmpdir(), "gastown-town-file-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, "town.sqlite");
  const db = new DatabaseSync(path, sqlOptions);
  onTestFinished(() => db.close());
  db.exec("pragma journal_mode = wal; create table note (n integer primary key, text text) strict");
  const add = db.prepare("insert into note (text) values (?)");
  db.exec("begin");
  for (let n = 0; n < ROWS; n++) add.run("x".repeat(4_000));
  db.exec("commit");
  let steps = 0;
  let most = 0;
  const copy = join(folder, "copy.sqlite");
  await copyTownFile(path, copy, ({ totalPages }) => {
    steps++;
    most = Math.max(most, totalPages);
    // Nothing else would end a copy that begins anew.
    if (steps < 200) add.run("y".repeat(4_000));
  });
  const copied = new DatabaseSync(copy);
  onTestFinished(() => copied.close());
  expect(steps).toBeLessThan(50);
  expect(steps).toBeGreaterThan(5);
  expect(most).toBeLessThan(ROWS * 1.2);
  expect(copied.prepare("select count(*) as n from note").get()).toEqual({ n: ROWS });
  expect(copied.prepare("pragma integrity_check").get()).toEqual({ integrity_check: "ok" });
});
