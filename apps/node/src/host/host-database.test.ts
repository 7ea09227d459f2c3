/**
 * The race: two hosts on one data directory would both tick the same towns and start two runners
 * that share worktrees. The lock must hold from before the first town is opened, must name the
 * other host, and must be free the moment that process is gone, however it went.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { GastownError } from "@gastown/protocol";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { dataDir, prepareDataDir, type DataDir } from "./data-dir.ts";
import { openHostDatabase } from "./host-database.ts";
import { writeHostRecord } from "./host-record.ts";

let dir: DataDir;
const children: ChildProcess[] = [];

beforeEach(() => {
  dir = prepareDataDir(mkdtempSync(join(tmpdir(), "gastown-lock-")));
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  rmSync(dir.root, { recursive: true, force: true });
});

/** Another process that opens the same directory; resolves when it holds the lock. */
async function otherHost(): Promise<ChildProcess> {
  const url = (file: string): string => new URL(file, import.meta.url).href;
  const script = `
    import { dataDir } from ${JSON.stringify(url("./data-dir.ts"))};
    import { openHostDatabase } from ${JSON.stringify(url("./host-database.ts"))};
    openHostDatabase(dataDir(${JSON.stringify(dir.root)}));
    process.stdout.write("held");
    process.stdin.resume();`;
  const child = spawn(process.execPath, ["--input-type=module-typescript", "-e", script], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  children.push(child);
  await once(child.stdout, "data");
  return child;
}

function refusal(): GastownError {
  try {
    openHostDatabase(dir).close();
  } catch (error) {
    if (error instanceof GastownError) return error;
    throw error;
  }
  throw new Error("The lock was given twice.");
}

describe("the lock of a data directory", () => {
  it("is refused while another process holds it, and says where that one is", async () => {
    await otherHost();
    expect(refusal().message).toContain("is just starting");
    writeHostRecord(dir, {
      pid: 4711,
      start: "",
      url: "http://127.0.0.1:9",
      version: "0",
      startedAt: "",
    });
    const error = refusal();
    expect(error.code).toBe("already_exists");
    expect(error.message).toContain("http://127.0.0.1:9");
    expect(error.message).toContain("gastown down");
    expect(error.details).toMatchObject({ pid: 4711, url: "http://127.0.0.1:9" });
  });

  it("is held through commits, and against readers", () => {
    const database = openHostDatabase(dir);
    database.setWake("town_a", 5, 1, true);
    database.setWake("town_a", 6, 1, false);
    expect(refusal().code).toBe("already_exists");
    database.close();
    expect(() => openHostDatabase(dir).close()).not.toThrow();
  });

  it("is free as soon as its process was killed", async () => {
    const child = await otherHost();
    expect(refusal().code).toBe("already_exists");
    child.kill("SIGKILL");
    await once(child, "exit");
    openHostDatabase(dir).close();
  });
});

describe("the host's tables", () => {
  it("keep wakes, towns and facts over a restart", () => {
    const first = openHostDatabase(dir);
    first.addTown({ id: "town_a", name: "a", createdAt: 1 });
    first.addTown({ id: "town_b", name: "b", createdAt: 2 });
    first.setWake("town_a", 50, 1, true);
    first.setWake("town_b", 40, 1, false);
    first.setWake("town_a", 60, 1, false);
    const id = first.meta("server_id", () => "one");
    first.close();
    const second = openHostDatabase(dir);
    expect(second.wakes()).toEqual([
      { town: "town_b", at: 40, storedAt: 1 },
      { town: "town_a", at: 60, storedAt: 1 },
    ]);
    expect(second.meta("server_id", () => "two")).toBe(id);
    second.setWake("town_b", null, 1, false);
    second.removeTown("town_a");
    expect(second.wakes()).toEqual([]);
    expect(second.towns().map((town) => town.name)).toEqual(["b"]);
    second.close();
  });

  it("of the first version are brought to this one with what is in them", () => {
    const db = new DatabaseSync(dir.database);
    db.exec(`create table schema_version (id integer primary key check (id = 1), version integer not null) strict;
      insert into schema_version values (1, 1);
      create table towns (id text primary key, name text not null, created_at integer not null) strict, without rowid;
      create table wake (town text primary key, at integer not null) strict, without rowid;
      create table meta (key text primary key, value text not null) strict, without rowid;
      insert into towns values ('town_a', 'a', 1);
      insert into wake values ('town_a', 50);`);
    db.close();
    const database = openHostDatabase(dir);
    expect(database.towns()).toEqual([{ id: "town_a", name: "a", createdAt: 1 }]);
    expect(database.wakes()).toEqual([{ town: "town_a", at: 50, storedAt: 0 }]);
    database.close();
  });

  it("are refused, unchanged, when a newer gastown wrote them", () => {
    openHostDatabase(dir).close();
    const db = new DatabaseSync(dir.database);
    db.exec("update schema_version set version = 99");
    db.close();
    expect(() => openHostDatabase(dir)).toThrow(/newer gastown/);
    const again = new DatabaseSync(dir.database);
    expect(again.prepare("select version from schema_version").get()).toMatchObject({ version: 99 });
    again.close();
  });

  it("are readable by their owner only", () => {
    openHostDatabase(dir).close();
    expect(statSync(dir.database).mode & 0o777).toBe(0o600);
    expect(statSync(dir.root).mode & 0o777).toBe(0o700);
  });
});

describe("a data directory that cannot be used", () => {
  it("is told with the reason and what to do", () => {
    openHostDatabase(dir).close();
    expect(() => prepareDataDir(join(dir.database, "below"))).toThrow(/is a file.*--data-dir/);
    expect(() => openHostDatabase(dataDir(join(dir.root, "missing")))).toThrow(/cannot be used/);
  });
});
