import { credentialsTest, GastownError, rigShape, townStatus, type Rig } from "@gastown/protocol";
import { z } from "zod";
import { ApiClient } from "../cli/client.ts";
import type { Context } from "../cli/context.ts";
import { listOf, listTowns } from "../cli/target.ts";
import { readLocalToken } from "../host/credentials.ts";
import { dataDir, dataDirPath } from "../host/data-dir.ts";
import { openHostDatabase } from "../host/host-database.ts";
import { readHostRecord } from "../host/host-record.ts";
import { isRunning } from "../host/process-identity.ts";
import { existsSync } from "node:fs";
import type { Check } from "./doctor-checks.ts";

/** Whether the host of the data directory runs and answers, and whether its database is sound. */
export async function checkHost(context: Context): Promise<{ running: boolean; checks: Check[] }> {
  const dir = dataDir(dataDirPath(context.options.dataDir, context.env));
  const record = readHostRecord(dir);
  if (record !== undefined && isRunning(record)) {
    const api = new ApiClient({
      url: record.url,
      token: readLocalToken(dir),
      signal: context.signal,
      hint: "",
    });
    try {
      await api.get(z.unknown(), "/ready");
      await api.get(z.unknown(), "/api/me");
      const where = new URL(record.url).host;
      const checks: Check[] = [
        { name: "host", state: "ok", message: `runs at ${record.url}` },
        { name: "port", state: "ok", message: `${where} is this host's` },
        { name: "database", state: "ok", message: "the host reads it" },
      ];
      return { running: true, checks };
    } catch (error) {
      const message = error instanceof GastownError ? error.message : "it does not answer";
      const action = "look at its log; `gastown down` and `gastown up` start it anew";
      return { running: true, checks: [{ name: "host", state: "failed", message, action }] };
    }
  }
  const host: Check = { name: "host", state: "ok", message: "does not run; `gastown up` starts it" };
  return { running: false, checks: [host, checkDatabase(dir)] };
}

/** No host runs, so its lock can be had for a moment. */
function checkDatabase(dir: ReturnType<typeof dataDir>): Check {
  const name = "database";
  if (!existsSync(dir.database))
    return { name, state: "ok", message: "there is none yet; the first `gastown up` makes it" };
  try {
    const database = openHostDatabase(dir);
    const towns = database.towns().length;
    const [row] = database.sql.all<{ quick_check: string }>("pragma quick_check");
    database.close();
    if (row?.quick_check === "ok") return { name, state: "ok", message: `sound (${towns} towns)` };
    return {
      name,
      state: "failed",
      message: `it is damaged: ${row?.quick_check}`,
      action: "restore a backup",
    };
  } catch (error) {
    const message = error instanceof GastownError ? error.message : "it cannot be opened";
    return {
      name,
      state: "failed",
      message,
      action: "restore a backup, or use another data directory",
    };
  }
}

/** What each rig is reached with, and what was tried before that (spec/review.md §4.2). */
async function checkCredentials(
  api: ApiClient,
  town: { readonly id: string; readonly name: string },
): Promise<Check[]> {
  const { items } = await api.get(listOf(rigShape), `/api/towns/${town.id}/rigs`);
  return Promise.all(items.map((rig) => checkCredential(api, town, rig)));
}

async function checkCredential(
  api: ApiClient,
  town: { readonly id: string; readonly name: string },
  rig: Rig,
): Promise<Check> {
  const name = `credential of ${town.name}/${rig.name}`;
  try {
    const path = `/api/towns/${town.id}/admin/credentials/test`;
    const found = await api.post(credentialsTest, path, { rigId: rig.id });
    const source = found.source === undefined ? "" : `${found.source}: `;
    const before = found.tried.length === 0 ? "" : ` Tried before: ${found.tried.join(", ")}.`;
    if (found.ok) return { name, state: "ok", message: `${source}${found.message}${before}` };
    return {
      name,
      state: "failed",
      message: `${source}${found.message}${before}`,
      action: "`gastown config set credentials.<name>`, or repair what is named above",
    };
  } catch (error) {
    const message = error instanceof GastownError ? error.message : "it cannot be tried";
    return { name, state: "warning", message, action: "try again when the runner can be started" };
  }
}

/** What of each town needs somebody: dead letters and rigs. */
export async function checkTowns(context: Context): Promise<Check[]> {
  try {
    const api = await context.api();
    const checks: Check[] = [];
    for (const town of await listTowns(api)) {
      checks.push(...(await checkCredentials(api, town)));
      const status = await api.get(townStatus, `/api/towns/${town.id}/status`);
      const dead = status.inbox.dead + status.outbox.dead;
      checks.push(
        dead === 0
          ? { name: `town ${town.name}`, state: "ok", message: `${status.needsYou.length} things need you` }
          : {
              name: `town ${town.name}`,
              state: "warning",
              message: `${dead} dead letters`,
              action: "see `gastown events`",
            },
      );
    }
    return checks;
  } catch (error) {
    const message = error instanceof GastownError ? error.message : "they cannot be read";
    return [{ name: "towns", state: "failed", message }];
  }
}
