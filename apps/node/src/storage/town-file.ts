/** A town's file outside of its host: opened for a moment, or as a consistent copy while a host uses it. */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { backup, DatabaseSync } from "node:sqlite";
import { openTown, type Sql, type Town } from "@gastown/town";
import { nodeSql, sqlOptions } from "./node-sql.ts";

type Progress = NonNullable<NonNullable<Parameters<typeof backup>[2]>["progress"]>;

/** Opens (and migrates) the file itself. Only with the host's lock, or on a file that no host knows. */
export function withTownFile<T>(path: string, fn: (town: Town, sql: Sql) => T): T {
  const db = new DatabaseSync(path, sqlOptions);
  try {
    const sql = nodeSql(db);
    const ports = { sql, now: Date.now, random: () => randomBytes(16), fallbackRuntime: "scripted" };
    const result = fn(openTown(ports), sql);
    db.exec("pragma wal_checkpoint(truncate)");
    return result;
  } finally {
    db.close();
  }
}

/**
 * Copies the file as it is at one moment; a host may write to it meanwhile, however much: `backup` begins anew
 * when another connection has written between two of its steps, unless its own holds one snapshot throughout.
 * `progress` is told of each step.
 */
export async function copyTownFile(path: string, to: string, progress?: Progress): Promise<void> {
  const db = new DatabaseSync(path, { readOnly: true, timeout: 10_000 });
  try {
    db.exec("begin; select 1 from sqlite_schema");
    await backup(db, to, progress === undefined ? {} : { progress });
  } finally {
    db.close();
  }
}

/** Runs `fn` on a copy that is thrown away: nothing of the town is touched. */
export async function withTownCopy<T>(path: string, fn: (town: Town, sql: Sql) => T): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "gastown-copy-"));
  try {
    const copy = join(folder, "town.sqlite");
    await copyTownFile(path, copy);
    return withTownFile(copy, fn);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
