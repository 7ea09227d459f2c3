import { GastownError } from "@gastown/protocol";
import { z } from "zod";
import type { Run } from "../cli/commands.ts";
import { ApiClient } from "../cli/client.ts";
import type { Context } from "../cli/context.ts";
import { EXIT, noServer } from "../cli/failure.ts";
import { readLocalToken } from "../host/credentials.ts";
import { dataDir, dataDirPath, type DataDir } from "../host/data-dir.ts";
import { readHostRecord, type HostRecord } from "../host/host-record.ts";
import { isRunning } from "../host/process-identity.ts";
import { waitGone } from "../host/runner-process.ts";

/** Turns may take so long to end after the host was asked to stop. */
const STOP_MS = 6 * 60_000;

/** `gastown down`: stops the host of the data directory (spec/api.md §7). */
export const down: Run = async (context, _args, options) => {
  const dir = dataDir(dataDirPath(context.options.dataDir, context.env));
  const record = await runningHost(context, dir);
  context.out.note(`Stopping gastown at ${record.url} (process ${record.pid}).`);
  process.kill(record.pid, options["now"] === true ? "SIGUSR2" : "SIGTERM");
  const process_ = { ...record, address: { url: record.url, bearer: "", instanceId: "" } };
  const gone = await waitGone(process_, STOP_MS, (ms, fn) => {
    const timer = setTimeout(fn, ms);
    return () => clearTimeout(timer);
  });
  if (!gone)
    throw new GastownError(
      "timeout",
      `gastown (process ${record.pid}) did not stop within ${STOP_MS / 60_000} minutes. \`gastown down --now\` does not wait.`,
    );
  context.out.result(
    { stopped: true, url: record.url, pid: record.pid },
    `Stopped gastown at ${record.url}.`,
  );
  return EXIT.done;
};

/** The host that really is that of this directory: its process, and it takes our token. */
async function runningHost(context: Context, dir: DataDir): Promise<HostRecord> {
  const record = readHostRecord(dir);
  if (record === undefined || !isRunning(record))
    throw noServer(`No gastown runs on the data directory ${dir.root}.`);
  const api = new ApiClient({
    url: record.url,
    token: readLocalToken(dir),
    signal: context.signal,
    hint: "",
  });
  await api.get(z.unknown(), "/api/me");
  return record;
}
