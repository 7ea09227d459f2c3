/**
 * A backup: one SQLite file with a copy of every town in pieces, and a checksum of each. Keys are not in
 * it: secrets stay sealed, and whoever has the archive alone cannot read them.
 */
import { createHash } from "node:crypto";
import { closeSync, openSync, readSync, writeSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { GastownError } from "@gastown/protocol";
import { z } from "zod";
import { sqlOptions } from "../storage/node-sql.ts";

const FORMAT = 1;
const PIECE = 1024 * 1024;
const SCHEMA = `
create table archive (id integer primary key check (id = 1), format integer not null, program text not null, made_at integer not null) strict;
create table town (id text primary key, name text not null, created_at integer not null, size integer not null, sha256 text not null) strict;
create table piece (town text not null, n integer not null, data blob not null, primary key (town, n)) strict, without rowid;
`;

const townRow = z.object({
  id: z.string().regex(/^town_[0-9A-HJKMNP-TV-Z]{26}$/),
  name: z.string(),
  created_at: z.number(),
  size: z.number(),
  sha256: z.string(),
});
export type ArchivedTown = z.infer<typeof townRow>;
const headRow = z.object({ format: z.number(), program: z.string(), made_at: z.number() });

export function createArchive(path: string, program: string, now: number): DatabaseSync {
  const db = new DatabaseSync(path, sqlOptions);
  db.exec(SCHEMA);
  db.prepare("insert into archive values (1, ?, ?, ?)").run(FORMAT, program, now);
  return db;
}

/** Throws `validation_failed` for what is no archive, `not_ready` for one of a newer gastown. */
export function openArchive(path: string): { db: DatabaseSync; madeAt: number; towns: ArchivedTown[] } {
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(path, { ...sqlOptions, readOnly: true });
    const head = headRow.parse(db.prepare("select format, program, made_at from archive").get());
    if (head.format > FORMAT)
      throw new GastownError(
        "not_ready",
        `${path} was written by a newer gastown (${head.program}). Use that one; nothing was changed.`,
      );
    const towns = db
      .prepare("select * from town order by id")
      .all()
      .map((row) => townRow.parse(row));
    return { db, madeAt: head.made_at, towns };
  } catch (error) {
    db?.close();
    if (error instanceof GastownError) throw error;
    throw new GastownError("validation_failed", `${path} is no backup of gastown, or it is damaged.`);
  }
}

/** Stores a town's file; returns its checksum. */
export function addTown(
  db: DatabaseSync,
  town: Omit<ArchivedTown, "size" | "sha256">,
  file: string,
): ArchivedTown {
  const hash = createHash("sha256");
  const insert = db.prepare("insert into piece values (?, ?, ?)");
  const buffer = new Uint8Array(PIECE);
  const input = openSync(file, "r");
  let size = 0;
  try {
    for (let n = 0; ; n++) {
      const count = readSync(input, buffer, 0, PIECE, null);
      if (count === 0) break;
      const piece = buffer.slice(0, count);
      hash.update(piece);
      insert.run(town.id, n, piece);
      size += count;
    }
  } finally {
    closeSync(input);
  }
  const sha256 = hash.digest("hex");
  db.prepare("insert into town values (?, ?, ?, ?, ?)").run(
    town.id,
    town.name,
    town.created_at,
    size,
    sha256,
  );
  return { ...town, size, sha256 };
}

/** Writes a town's file and compares its checksum. Throws `validation_failed` when it is another. */
export function extractTown(db: DatabaseSync, town: ArchivedTown, file: string): void {
  const hash = createHash("sha256");
  const output = openSync(file, "wx", 0o600);
  try {
    for (const row of db.prepare("select data from piece where town = ? order by n").iterate(town.id)) {
      const data = z.instanceof(Uint8Array).parse(row["data"]);
      hash.update(data);
      writeSync(output, data);
    }
  } finally {
    closeSync(output);
  }
  if (hash.digest("hex") !== town.sha256)
    throw new GastownError(
      "validation_failed",
      `The backup is damaged: the copy of town ${town.name} is not what was stored. Use another backup.`,
    );
}
