// cspell:ignore errcode
import { chmodSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { GastownError } from "@gastown/protocol";
import type { Sql } from "@gastown/town";
import { nodeSql, sqlOptions } from "../storage/node-sql.ts";
import { isDamaged } from "../storage/storage-error.ts";
import { unusable, type DataDir } from "./data-dir.ts";
import { readHostRecord } from "./host-record.ts";

/** Numbered as a town's are, and as append-only. */
const MIGRATIONS = [
  `
create table towns (
  id text primary key,
  name text not null,
  created_at integer not null
) strict, without rowid;
create table wake (town text primary key, at integer not null) strict, without rowid;
create index wake_at on wake (at);
create table meta (key text primary key, value text not null) strict, without rowid;
`,
  // What a time that was stored means depends on what the clock said then: it may have been set back.
  "alter table wake add column stored_at integer not null default 0",
] as const;
const VERSION = MIGRATIONS.length;
const SQLITE_BUSY = 5;

export type TownRow = {
  readonly id: string;
  readonly name: string;
  /** Epoch milliseconds. */
  readonly createdAt: number;
};

/** The host's own tables: which towns there are, when each wants to be woken, a few facts. */
export interface HostDatabase {
  readonly sql: Sql;
  towns(): TownRow[];
  town(id: string): TownRow | undefined;
  /** Or what there is to know of one that is there, anew. */
  addTown(row: TownRow): void;
  removeTown(id: string): void;
  /** All stored wakes, and when each was stored (epoch ms). */
  wakes(): { town: string; at: number; storedAt: number }[];
  wakeAt(town: string): number | undefined;
  /**
   * Stores when a town wants to be woken; null: never. `now`: what the clock says. `durable` survives a
   * loss of power, which the mark before a town's first commit must and a later time need not.
   */
  setWake(town: string, at: number | null, now: number, durable: boolean): void;
  /** The stored value, or the one that `make` gives, which is kept from then on. */
  meta(key: string, make: () => string): string;
  /** Frees the lock. */
  close(): void;
}

/**
 * Opens `host.sqlite` and takes its lock for as long as this process lives: in SQLite's exclusive
 * locking mode the file lock of the first transaction is never given back, and the system frees it
 * on any death (spec/town.md §1). No other connection may open this file, not even to read, and
 * nobody may open and close the file itself in this process: that would drop the lock.
 *
 * Throws `already_exists` with the other host's url while another process holds it.
 */
export function openHostDatabase(dir: DataDir): HostDatabase {
  const db = openExclusive(dir);
  const sql = nodeSql(db);
  try {
    migrate(sql);
  } catch (error) {
    db.close();
    throw error;
  }
  return hostDatabase(db, sql);
}

function openExclusive(dir: DataDir): DatabaseSync {
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(dir.database, { ...sqlOptions, timeout: 0 });
    db.exec("pragma locking_mode = exclusive");
    db.exec("pragma journal_mode = wal");
    db.exec("pragma synchronous = normal");
    db.exec("begin exclusive; commit");
    chmodSync(dir.database, 0o600);
    return db;
  } catch (error) {
    db?.close();
    if (isBusy(error)) throw running(dir);
    throw isDamaged(error) ? damaged(dir) : unusable(dir.root, error);
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && "errcode" in error && error.errcode === SQLITE_BUSY;
}

/** Its towns are in files of their own. */
function damaged({ database }: DataDir): GastownError {
  return new GastownError(
    "not_ready",
    `${database} is damaged. Move it away, with its -wal and -shm: the next \`gastown up\` makes a new one, and takes up the towns that are there.`,
  );
}

/** What a second host is told. */
function running(dir: DataDir): GastownError {
  const record = readHostRecord(dir);
  const where = record === undefined ? "and is just starting" : `at ${record.url} (process ${record.pid})`;
  return new GastownError(
    "already_exists",
    `gastown already runs on the data directory ${dir.root} ${where}. Use that one, stop it with \`gastown down\`, or start another on its own directory with --data-dir <path>.`,
    { dataDir: dir.root, ...(record === undefined ? {} : { url: record.url, pid: record.pid }) },
  );
}

function migrate(sql: Sql): void {
  sql.transaction(() => {
    sql.exec(
      "create table if not exists schema_version (id integer primary key check (id = 1), version integer not null) strict",
    );
    const stored = sql.get<{ version: number }>("select version from schema_version where id = 1");
    const version = stored?.version ?? 0;
    if (version > VERSION)
      throw new GastownError(
        "not_ready",
        `host.sqlite was written by a newer gastown (its version ${version}, known here ${VERSION}). Run that newer gastown; nothing was changed.`,
      );
    for (const step of MIGRATIONS.slice(version)) sql.exec(step);
    sql.run(
      "insert into schema_version values (1, ?1) on conflict (id) do update set version = excluded.version where version <> excluded.version",
      VERSION,
    );
  });
}

function hostDatabase(db: DatabaseSync, sql: Sql): HostDatabase {
  const columns = "id, name, created_at as createdAt";
  return {
    sql,
    towns: () => sql.all<TownRow>(`select ${columns} from towns order by id`),
    town: (id) => sql.get<TownRow>(`select ${columns} from towns where id = ?`, id),
    addTown: (row) =>
      sql.run("insert or replace into towns values (?, ?, ?)", row.id, row.name, row.createdAt),
    removeTown: (id) =>
      sql.transaction(() => {
        sql.run("delete from wake where town = ?", id);
        sql.run("delete from towns where id = ?", id);
      }),
    wakes: () =>
      sql.all<{ town: string; at: number; storedAt: number }>(
        "select town, at, stored_at as storedAt from wake order by at",
      ),
    wakeAt: (town) => sql.get<{ at: number }>("select at from wake where town = ?", town)?.at,
    setWake: (town, at, now, durable) => {
      const store = (): void => {
        if (at === null) sql.run("delete from wake where town = ?", town);
        else
          sql.run(
            `insert into wake (town, at, stored_at) values (?, ?, ?)
             on conflict (town) do update set at = excluded.at, stored_at = excluded.stored_at`,
            town,
            at,
            now,
          );
      };
      if (durable) flushed(db, store);
      else store();
    },
    meta: (key, make) =>
      sql.transaction(() => {
        const stored = sql.get<{ value: string }>("select value from meta where key = ?", key)?.value;
        if (stored !== undefined) return stored;
        const value = make();
        sql.run("insert into meta values (?, ?)", key, value);
        return value;
      }),
    close: () => db.close(),
  };
}

/** Runs one commit that is on the disk when this returns. Not inside a transaction. */
export function flushed<T>(db: DatabaseSync, work: () => T): T {
  db.exec("pragma synchronous = full");
  try {
    return work();
  } finally {
    db.exec("pragma synchronous = normal");
  }
}
