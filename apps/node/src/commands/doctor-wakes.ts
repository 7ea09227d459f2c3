/**
 * Whether each stored town will be woken when it wants to be (spec/town.md §4): its own next time against
 * the host's wake index. Only while no host runs: a running one has them in its memory, and the index says
 * what holds after a crash.
 */
import { existsSync } from "node:fs";
import { GastownError } from "@gastown/protocol";
import type { DataDir } from "../host/data-dir.ts";
import { openHostDatabase } from "../host/host-database.ts";
import { withTownCopy } from "../storage/town-file.ts";
import type { Check } from "./doctor-checks.ts";

/** Woken too early costs one look; too late, or never, and what is due stands still. Epoch ms. */
export function overslept(stored: number | undefined, wanted: number | null): boolean {
  return wanted !== null && (stored === undefined || stored > wanted);
}

/** One check for all towns that can be read; the others are told of elsewhere. */
export async function checkWakes(dir: DataDir, paths: readonly string[]): Promise<Check[]> {
  if (paths.length === 0 || !existsSync(dir.database)) return [];
  const stored = storedWakes(dir);
  if (stored === null) return [];
  const late: string[] = [];
  for (const path of paths) {
    const town = await withTownCopy(path, (open) => ({
      id: open.id,
      name: open.town().name,
      wanted: open.nextWakeAt(),
    })).catch(() => null);
    if (town === null || !overslept(stored.get(town.id), town.wanted)) continue;
    const is = stored.get(town.id);
    late.push(
      `${town.name} wants to run at ${at(town.wanted)}, but ${is === undefined ? "nothing wakes it" : `is woken at ${at(is)}`}`,
    );
  }
  if (late.length === 0)
    return [{ name: "wakes", state: "ok", message: "every town is woken when it wants to be" }];
  return [
    {
      name: "wakes",
      state: "failed",
      message: late.join("; "),
      action: "`gastown doctor --fix` stores the right times; stop the server for it",
    },
  ];
}

const at = (ms: number | null): string => new Date(ms ?? 0).toISOString();

/** Null while a host has them. */
function storedWakes(dir: DataDir): Map<string, number> | null {
  let database;
  try {
    database = openHostDatabase(dir);
  } catch (error) {
    if (error instanceof GastownError) return null;
    throw error;
  }
  try {
    return new Map(database.wakes().map(({ town, at: wake }) => [town, wake]));
  } finally {
    database.close();
  }
}
