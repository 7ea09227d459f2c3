import { dataDir, dataDirPath } from "../host/data-dir.ts";
import { readLocalToken } from "../host/credentials.ts";
import { readHostRecord } from "../host/host-record.ts";
import { ApiClient } from "./client.ts";
import type { ContextParts } from "./context.ts";
import { noServer } from "./failure.ts";

/** Server: `--server`, `GASTOWN_URL`, else the running local one; token likewise (spec/api.md §7). */
export async function connect(context: ContextParts): Promise<ApiClient> {
  const { env, options, signal } = context;
  const given = options.server ?? (env["GASTOWN_URL"] || undefined);
  const dir = dataDir(dataDirPath(options.dataDir, env));
  const local = given === undefined ? readHostRecord(dir)?.url : given.replace(/\/+$/, "");
  const hint =
    given === undefined
      ? "Start it with `gastown up`, or name another one with --server <url>."
      : "Check the url and that the server runs.";
  if (local === undefined) throw noServer(`No gastown runs on the data directory ${dir.root}. ${hint}`);
  const token = env["GASTOWN_TOKEN"] || readLocalToken(dir);
  return new ApiClient({ url: local, token, signal, hint });
}
