/** `gastown restore`: towns from a backup, with the host's lock in hand (spec/town.md §1, spec/api.md §7). */
import { existsSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { GastownError } from "@gastown/protocol";
import { dataDir, prepareDataDir } from "../host/data-dir.ts";
import { openHostDatabase, type HostDatabase } from "../host/host-database.ts";
import { withTownFile } from "../storage/town-file.ts";
import { extractTown, openArchive, type ArchivedTown } from "./archive.ts";

/**
 * Every town is written beside its place, opened, fenced and only then put there: what fails before
 * changes nothing. Throws `already_exists` while a host runs, or where there are towns without `replace`;
 * `not_ready` for towns of a newer gastown.
 */
export function restoreBackup(
  root: string,
  file: string,
  options: { replace: boolean; now: number },
): ArchivedTown[] {
  const { db, towns } = openArchive(file);
  try {
    const dir = prepareDataDir(root);
    const database = openHostDatabase(dir);
    try {
      refuseOthers(database, root, options.replace);
      const folder = mkdtempSync(join(root, "restoring-"));
      try {
        const ready = towns.map((town) => {
          const path = join(folder, `${town.id}.sqlite`);
          extractTown(db, town, path);
          withTownFile(path, (open) => open.restored());
          return { town, path };
        });
        for (const { town, path } of ready) put(database, root, town, path, options.now);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
      return towns;
    } finally {
      database.close();
    }
  } finally {
    db.close();
  }
}

function refuseOthers(database: HostDatabase, root: string, replace: boolean): void {
  const there = database.towns();
  if (there.length === 0 || replace) return;
  throw new GastownError(
    "already_exists",
    `${root} has ${there.length} town(s) already. Restore into another directory with --data-dir, or put the backup's towns in place of those with --replace.`,
  );
}

/** The wake comes first: a crash in between finds a town that is looked at at once. */
function put(database: HostDatabase, root: string, town: ArchivedTown, path: string, now: number): void {
  const place = dataDir(root).town(town.id);
  if (database.town(town.id)) database.removeTown(town.id);
  for (const suffix of ["", "-wal", "-shm"]) rmSync(`${place}${suffix}`, { force: true });
  renameSync(path, place);
  for (const suffix of ["-wal", "-shm"]) if (existsSync(`${path}${suffix}`)) rmSync(`${path}${suffix}`);
  database.addTown({ id: town.id, name: town.name, createdAt: town.created_at });
  database.setWake(town.id, now, now, true);
}
