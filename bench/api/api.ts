/**
 * api: what people and pages wait for. A host in a process of its own has a town of ten thousand live beads.
 * Requests come 200 times a second at their own times, whether earlier ones were answered or not, and each is
 * counted from the time at which it was due; then as many as get through. At last 500 pages watch, and a change
 * is counted from its request until the last of them has it.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Readable } from "node:stream";
import { createGzip } from "node:zlib";
import { townShape } from "@gastown/protocol";
import { exportLines } from "@gastown/town";
import { readLocalToken } from "../../apps/node/src/host/credentials.ts";
import { dataDir } from "../../apps/node/src/host/data-dir.ts";
import { World } from "../../apps/node/src/testing/executable.ts";
import { nodeSql, sqlOptions } from "../../apps/node/src/storage/node-sql.ts";
import { harness } from "../../packages/town/src/scenarios/harness.ts";
import type { Benchmark, BenchContext, Figures } from "../lib/benchmark.ts";
import { median, percentile, rounded } from "../lib/statistics.ts";
import { clientOf, up } from "../lib/town-api.ts";
import { addLiveBeads } from "../tick-scale/live-beads.ts";
import { atMost, atRate, type Server } from "./load.ts";
import { Watchers } from "./watchers.ts";

const BEADS = 10_000;
const RATE = 200;
const SECONDS = 20;
const WARM_UP_SECONDS = 5;
const FULL_SECONDS = 5;
const CLIENTS = 500;
const CHANGES = 60;
const MAX_P99_MS = 20;
const MAX_FAN_OUT_MS = 100;

export const api: Benchmark = {
  id: "api",
  measures: `list and get with ${BEADS} beads at ${RATE} requests a second; ${CLIENTS} pages that watch`,
  target: `p99 ≤ ${MAX_P99_MS} ms; from a change to the last page ≤ ${MAX_FAN_OUT_MS} ms (p50)`,
  run: async (context) => {
    const world = new World();
    try {
      return await measured(context, world);
    } finally {
      await world.end();
    }
  },
};

async function measured({ note, signal }: BenchContext, world: World): Promise<Figures> {
  const host = await up(world);
  const client = clientOf(world, host, signal);
  const { lines, ids } = townOfLiveBeads();
  const body = Readable.toWeb(Readable.from(lines).pipe(createGzip({ level: 1 })));
  const path = "/api/users/user_local/towns/import";
  const { id } = await client.upload(townShape.pick({ id: true }), path, body as ReadableStream<Uint8Array>);
  note(`a town of ${ids.length} beads is there`);

  const T = `/api/towns/${id}`;
  const server: Server = { url: host.url, token: readLocalToken(dataDir(world.dataDir)), signal };
  const bead = (n: number): string => ids[(n * 7_919) % ids.length] ?? "";
  const list = (n: number): string =>
    `${T}/beads?limit=50&priority=${["low", "medium", "high"][n % 3] ?? ""}`;
  const get = (n: number): string => `${T}/beads/${bead(n)}`;
  const both = (n: number): string => (n % 2 === 0 ? list(n) : get(n));
  await atRate(server, both, RATE, WARM_UP_SECONDS);
  const samples = await atRate(server, both, RATE, SECONDS);
  const lists = samples.filter((_, n) => n % 2 === 0);
  const gets = samples.filter((_, n) => n % 2 === 1);
  note(`${samples.length} requests at ${RATE} a second`);
  const most = {
    list: await atMost(server, list, FULL_SECONDS),
    get: await atMost(server, get, FULL_SECONDS),
  };

  const watchers = await Watchers.open(client, id, CLIENTS);
  note(`${CLIENTS} pages watch`);
  const fanOut: number[] = [];
  for (let n = 0; n < CHANGES; n++) {
    signal.throwIfAborted();
    fanOut.push(
      await watchers.timeOf(() =>
        client.raw("POST", `${T}/${n % 2 === 0 ? "resume" : "pause"}`, { body: {} }),
      ),
    );
  }
  watchers.close();
  const p99 = percentile(samples, 0.99);
  return {
    values: {
      "list: p50 ms": rounded(median(lists)),
      "list: p99 ms": rounded(percentile(lists, 0.99)),
      "get: p50 ms": rounded(median(gets)),
      "get: p99 ms": rounded(percentile(gets, 0.99)),
      "both: p99 ms": rounded(p99),
      "list: most a second": rounded(most.list),
      "get: most a second": rounded(most.get),
      "a change to the last page: p50 ms": rounded(median(fanOut)),
      "a change to the last page: p99 ms": rounded(percentile(fanOut, 0.99)),
    },
    pass: p99 <= MAX_P99_MS && median(fanOut) <= MAX_FAN_OUT_MS,
  };
}

/** As an export of it, and the ids of its beads. */
function townOfLiveBeads(): { lines: string[]; ids: string[] } {
  const folder = mkdtempSync(join(tmpdir(), "gastown-bench-"));
  const db = new DatabaseSync(join(folder, "town.sqlite"), sqlOptions);
  try {
    const h = harness(nodeSql(db));
    const { ids } = addLiveBeads(h.sql, [h.rig], BEADS, h.now());
    return {
      lines: [...exportLines(h.sql, { program: "bench", now: h.now() })],
      ids: Object.values(ids).flat(),
    };
  } finally {
    db.close();
    rmSync(folder, { recursive: true, force: true });
  }
}
