/**
 * The host's own file is an index: what a town is stands in the town's file. So where the index is new and
 * files of towns are there (it was damaged and moved away, or is lost), the host takes them up again.
 */
import { identityOf, townFiles } from "../backup/take.ts";
import type { DataDir } from "./data-dir.ts";
import type { HostDatabase } from "./host-database.ts";

/** Each is looked at once, now (epoch ms). A file that cannot be read stays where it is: `doctor` names it. */
export function takeUpTowns(dir: DataDir, database: HostDatabase, now: number): void {
  for (const path of townFiles(dir)) {
    const town = readIdentity(path);
    if (town === undefined) continue;
    database.setWake(town.id, now, now, true);
    database.addTown({ id: town.id, name: town.name, createdAt: town.created_at });
  }
}

function readIdentity(path: string): ReturnType<typeof identityOf> | undefined {
  try {
    return identityOf(path);
  } catch {
    return undefined;
  }
}
