import { GastownError } from "@gastown/protocol";
import { faultyRows, type FaultyRow } from "@gastown/town";
import { townFiles } from "../backup/take.ts";
import type { Context } from "../cli/context.ts";
import { dataDir, dataDirPath } from "../host/data-dir.ts";
import { openHostDatabase } from "../host/host-database.ts";
import { storageError } from "../storage/storage-error.ts";
import { withTownCopy, withTownFile } from "../storage/town-file.ts";
import type { Check } from "./doctor-checks.ts";
import { checkWakes, overslept } from "./doctor-wakes.ts";

const SHOWN_ROWS = 5;

type Found = { id: number; title: string; subjects: string[] };

/**
 * The invariants of every stored town (spec/town.md §8), looked at on a copy, so that a running host is
 * not disturbed. With `fix` what is safe to repair is repaired, which needs the host's lock.
 */
export async function checkStoredTowns(context: Context, fix: boolean): Promise<Check[]> {
  const dir = dataDir(dataDirPath(context.options.dataDir, context.env));
  const paths = townFiles(dir);
  if (fix && paths.length > 0) {
    const refused = repairAll(dir, paths);
    if (refused) return [refused];
  }
  const checks: Check[] = [];
  for (const path of paths) checks.push(await checkOne(path));
  return [...checks, ...(await checkWakes(dir, paths))];
}

async function checkOne(path: string): Promise<Check> {
  try {
    return await withTownCopy(path, (town, sql) => {
      const [damage] = sql.all<{ quick_check: string }>("pragma quick_check");
      const name = `invariants of ${town.town().name}`;
      if (damage?.quick_check !== "ok")
        return {
          name,
          state: "failed",
          message: `its file is damaged: ${damage?.quick_check ?? "unreadable"}`,
          action: "restore a backup with `gastown restore`",
        };
      const faulty = faultyRows(sql, SHOWN_ROWS);
      if (faulty.length > 0) return faultyTown(name, faulty);
      return judged(name, town.checkInvariants(), town.repair(false).length);
    });
  } catch (thrown) {
    const error = storageError(thrown);
    const message = error instanceof Error ? error.message : "it cannot be opened";
    return {
      name: `town ${path}`,
      state: "failed",
      message,
      action: "restore a backup with `gastown restore`",
    };
  }
}

function faultyTown(name: string, faulty: readonly FaultyRow[]): Check {
  return {
    name,
    state: "failed",
    message: faulty.map(({ table, key, problem }) => `${table} ${key}: ${problem}`).join("; "),
    action: "keep a backup of this town and report it; what reads these rows leaves them out",
  };
}

function judged(name: string, found: readonly Found[], repairable: number): Check {
  if (found.length === 0 && repairable === 0) return { name, state: "ok", message: "all hold" };
  const broken = found.map(
    ({ id, title, subjects }) => `${id} (${title}: ${subjects.slice(0, 5).join(", ")})`,
  );
  const message =
    broken.length > 0 ? broken.join("; ") : `${repairable} things that nobody would look at any more`;
  return {
    name,
    state: "failed",
    message,
    action:
      repairable > 0
        ? `\`gastown doctor --fix\` looks at ${repairable} of these again; stop the server for it`
        : "keep a backup of this town and report it",
  };
}

/** Null when it was done; what to do instead while a host runs. */
function repairAll(dir: ReturnType<typeof dataDir>, paths: readonly string[]): Check | null {
  let database;
  try {
    database = openHostDatabase(dir);
  } catch (error) {
    if (!(error instanceof GastownError)) throw error;
    return {
      name: "repair",
      state: "failed",
      message: error.message,
      action: "`gastown down`, then `gastown doctor --fix`",
    };
  }
  try {
    for (const path of paths) {
      const { id, count, next } = withTownFile(path, (town) => ({
        id: town.id,
        count: town.repair(true).length,
        next: town.nextWakeAt(),
      }));
      const now = Date.now();
      if (count > 0) database.setWake(id, now, now, true);
      else if (overslept(database.wakeAt(id), next)) database.setWake(id, next, now, true);
    }
    return null;
  } finally {
    database.close();
  }
}
