/**
 * events: transcript items of 20 sessions through a runner's outbox on disk, its sender and HTTP into
 * the town's database. The runner is a process of its own and has no agents; the rest is real.
 */
import { createServer, type Server } from "node:http";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { BenchTown } from "../lib/bench-town.ts";
import type { Benchmark, BenchContext, Figures } from "../lib/benchmark.ts";
import { makeRepository } from "../lib/repository.ts";
import { rounded } from "../lib/statistics.ts";

const SESSIONS = 20;
const ITEMS = 30_000;
const MIN_RATE = 5_000;
const LIMIT_MS = 240_000;
const RUNNER = fileURLToPath(new URL("./flood-runner.ts", import.meta.url));

export const events: Benchmark = {
  id: "events",
  measures: `${ITEMS} session events of ${SESSIONS} sessions through a runner's outbox into the town`,
  target: `≥ ${MIN_RATE} per second, no loss`,
  run: async (context) => {
    const root = mkdtempSync(join(tmpdir(), "gastown-bench-"));
    try {
      return await measured(context, root);
    } finally {
      rmSync(root, { recursive: true, force: true, maxRetries: 5 });
    }
  },
};

const reportShape = z.object({
  stored: z.int(),
  storedMs: z.number(),
  ms: z.number(),
  delivered: z.boolean(),
});
type Report = z.infer<typeof reportShape>;

async function measured({ signal }: BenchContext, root: string): Promise<Figures> {
  const limited = AbortSignal.any([signal, AbortSignal.timeout(LIMIT_MS)]);
  const { server, url, report } = await listening(limited);
  try {
    return await flooded(root, url, report, limited);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

async function flooded(
  root: string,
  url: string,
  report: Promise<Report>,
  signal: AbortSignal,
): Promise<Figures> {
  const args = [RUNNER, url, String(SESSIONS), String(ITEMS)];
  const town = await BenchTown.open({
    root: join(root, "host"),
    remote: makeRepository(root, "town"),
    agents: SESSIONS,
    signal,
    self: { command: process.execPath, args },
  });
  try {
    for (let i = 0; i < SESSIONS; i += 1) await town.sling(`Bead ${i}`, []);
    return figures(await report, town.databasePath);
  } finally {
    await town.close();
  }
}

/** Where the runner tells that everything is delivered. */
async function listening(
  signal: AbortSignal,
): Promise<{ server: Server; url: string; report: Promise<Report> }> {
  const { promise, resolve, reject } = Promise.withResolvers<Report>();
  promise.catch(() => undefined);
  signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  const server = createServer((request, response) => {
    void text(request).then((body) => resolve(reportShape.parse(JSON.parse(body))));
    response.end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return { server, url: `http://127.0.0.1:${port}/`, report: promise };
}

const rowShape = z.object({ items: z.int(), first: z.int(), last: z.int() });

function figures({ stored, storedMs, ms, delivered }: Report, databasePath: string): Figures {
  const db = new DatabaseSync(databasePath, { readOnly: true });
  const sql =
    "select count(*) as items, min(seq) as first, max(seq) as last from transcript group by session_id";
  const rows = db
    .prepare(sql)
    .all()
    .map((row) => rowShape.parse(row));
  db.close();
  const arrived = rows.reduce((sum, { items }) => sum + items, 0);
  const whole = rows.every(({ items, first, last }) => first === 1 && last === items);
  const rate = stored / (ms / 1_000);
  const kept = delivered && whole && arrived === stored && rows.length === SESSIONS;
  return {
    values: {
      "events stored": stored,
      "events in the town": arrived,
      "lost or doubled": kept ? 0 : Math.abs(stored - arrived) || "yes",
      "into the outbox, per second": rounded(stored / (storedMs / 1_000)),
      "into the town, per second": rounded(rate),
    },
    pass: kept && rate >= MIN_RATE,
  };
}
