/** `gastown backup`: every town of a data directory, also while its host runs (spec/api.md §7). */
import { existsSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { dirname } from "node:path";
import { GastownError } from "@gastown/protocol";
import { z } from "zod";
import type { DataDir } from "../host/data-dir.ts";
import { copyTownFile, withTownFile } from "../storage/town-file.ts";
import { addTown, createArchive, extractTown, openArchive, type ArchivedTown } from "./archive.ts";

const identity = z.object({ id: z.string(), name: z.string(), created_at: z.number() });

/** The files of a data directory's towns, whoever uses them now. */
export function townFiles(dir: DataDir): string[] {
  const folder = join(dir.root, "towns");
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => /^town_[0-9A-Z]{26}\.sqlite$/.test(name))
    .toSorted()
    .map((name) => join(folder, name));
}

/** Throws `already_exists` when the file is there. It appears only when it is complete. */
export async function takeBackup(
  dir: DataDir,
  file: string,
  program: string,
  now: number,
): Promise<ArchivedTown[]> {
  if (existsSync(file))
    throw new GastownError("already_exists", `${file} exists already. Choose another name.`);
  const folder = mkdtempSync(join(dirname(file), ".gastown-backup-"));
  try {
    const partial = join(folder, "archive");
    const db = createArchive(partial, program, now);
    const towns: ArchivedTown[] = [];
    try {
      for (const path of townFiles(dir)) {
        const copy = join(folder, "town.sqlite");
        await copyTownFile(path, copy);
        towns.push(addTown(db, identityOf(copy), copy));
        rmSync(copy);
      }
    } finally {
      db.close();
    }
    renameSync(partial, file);
    return towns;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What a town's file says of itself. Throws where it is none. */
export function identityOf(copy: string): z.infer<typeof identity> {
  const db = new DatabaseSync(copy, { readOnly: true });
  try {
    return identity.parse(db.prepare("select town_id as id, name, created_at from town").get());
  } finally {
    db.close();
  }
}

export interface Verified {
  town: ArchivedTown;
  /** What SQLite says of its file; null: it is whole. */
  damage: string | null;
  /** Invariants that do not hold in it. */
  violations: { id: number; title: string }[];
}

/** Reads everything back: checksums, whether each town's file is whole, and whether it opens and is sound. */
export function verifyBackup(file: string): { madeAt: number; towns: Verified[] } {
  const { db, madeAt, towns } = openArchive(file);
  const folder = mkdtempSync(join(dirname(file), ".gastown-verify-"));
  try {
    const verified = towns.map((town): Verified => {
      const copy = join(folder, `${town.id}.sqlite`);
      extractTown(db, town, copy);
      return withTownFile(copy, (open, sql) => {
        const [check] = sql.all<{ integrity_check: string }>("pragma integrity_check(1)");
        const damage =
          check?.integrity_check === "ok" ? null : (check?.integrity_check ?? "it cannot be read");
        return { town, damage, violations: open.checkInvariants() };
      });
    });
    return { madeAt, towns: verified };
  } finally {
    db.close();
    rmSync(folder, { recursive: true, force: true });
  }
}
