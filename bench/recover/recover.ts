/**
 * recover: the host is killed (-9) with 20 sessions live and started again on the same data directory.
 * How long until every lease is renewed or its bead open again, and whether everything then lands once.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { beadShape, feedEntry, rigShape, sessionShape, townShape, type Session } from "@gastown/protocol";
import { ApiClient } from "../../apps/node/src/cli/client.ts";
import { listOf } from "../../apps/node/src/cli/target.ts";
import { readLocalToken } from "../../apps/node/src/host/credentials.ts";
import { dataDir } from "../../apps/node/src/host/data-dir.ts";
import { World, type RunningHost } from "../../apps/node/src/testing/executable.ts";
import type { Benchmark, BenchContext, Figures } from "../lib/benchmark.ts";
import { git } from "../lib/repository.ts";
import { rounded } from "../lib/statistics.ts";

const SESSIONS = 20;
const MAX_MS = 5_000;
const LIMIT_MS = 200_000;
/** Between two looks at the sessions: the figure is as coarse as this. */
const LOOK_MS = 20;

export const recover: Benchmark = {
  id: "recover",
  measures: `kill -9 of the host with ${SESSIONS} live sessions → all leases renewed or beads open again`,
  target: `≤ ${MAX_MS / 1_000} s after the restart, nothing lost or doubled`,
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
  const limited = AbortSignal.any([signal, AbortSignal.timeout(LIMIT_MS)]);
  const go = join(world.root, "go");
  const remote = await world.repository();
  let host = await up(world);
  const town = await TownOf.make(world, host, remote, limited);
  for (let i = 0; i < SESSIONS; i += 1) await town.sling(i, go);
  await town.happened("session.started", SESSIONS);
  note(`${SESSIONS} sessions are live; the host is killed`);
  host.child.kill("SIGKILL");
  await host.exit;

  const restarted = Date.now();
  host = await up(world, host.port);
  const readyMs = Date.now() - restarted;
  town.use(host);
  const taken = await town.allTaken(restarted);
  const takenMs = Date.now() - restarted;
  note(`ready after ${readyMs} ms, all sessions taken up after ${takenMs} ms`);
  writeFileSync(go, "");
  await town.happened("merge.landed", SESSIONS);
  const subjects = git(remote, "log", "--no-merges", "--format=%s", "main").split("\n");
  const doubled = subjects.length - new Set(subjects).size;
  const landed = subjects.filter((subject) => subject.startsWith("Do task ")).length;
  const replaced = (await town.sessions()).length - SESSIONS;
  return {
    values: {
      "live sessions": SESSIONS,
      "host ready, ms": rounded(readyMs),
      "all taken up, ms": rounded(takenMs),
      "of them with a renewed lease": taken,
      "pieces of work landed": landed,
      "landed twice": doubled,
      "sessions started again": replaced,
    },
    pass: takenMs <= MAX_MS && landed === SESSIONS && doubled === 0,
  };
}

async function up(world: World, port = "0"): Promise<RunningHost> {
  const host = await world.up(`127.0.0.1:${port}`);
  // Nobody reads its log; a full pipe would stop it.
  host.child.stdout.resume();
  return host;
}

const events = listOf(feedEntry);

/** The town of this benchmark, over its API. */
class TownOf {
  readonly #world: World;
  readonly #signal: AbortSignal;
  #api: ApiClient;
  #path = "";
  #rig = "";

  private constructor(world: World, host: RunningHost, signal: AbortSignal) {
    this.#world = world;
    this.#signal = signal;
    this.#api = this.#client(host);
  }

  static async make(world: World, host: RunningHost, gitUrl: string, signal: AbortSignal): Promise<TownOf> {
    const town = new TownOf(world, host, signal);
    const api = town.#api;
    const made = await api.post(townShape.pick({ id: true }), "/api/users/user_local/towns", {
      name: "recover",
    });
    town.#path = `/api/towns/${made.id}`;
    const limits = { max_polecats_per_rig: SESSIONS, max_agents: SESSIONS + 4 };
    const body = { runtime: "scripted", review: { code_review: false }, limits };
    await api.raw("PATCH", `${town.#path}/config`, { body });
    const rig = await api.post(rigShape, `${town.#path}/rigs`, { name: "app", gitUrl });
    town.#rig = `${town.#path}/rigs/${rig.id}`;
    await town.happened("rig.verified", 1);
    return town;
  }

  use(host: RunningHost): void {
    this.#api = this.#client(host);
  }

  #client({ url }: RunningHost): ApiClient {
    const token = readLocalToken(dataDir(this.#world.dataDir));
    return new ApiClient({ url, token, signal: this.#signal, hint: "The benchmark's own server has ended." });
  }

  async sling(i: number, go: string): Promise<void> {
    const steps = [
      { wait_for: { file: go } },
      { write: { path: `task-${i}.txt`, content: `task ${i}\n` } },
      { commit: { message: `Do task ${i}` } },
    ];
    const body = ["```gastown-script", JSON.stringify({ steps }), "```"].join("\n");
    await this.#api.post(beadShape, `${this.#rig}/beads`, { title: `Task ${i}`, body, start: true });
  }

  /** Resolves when that has happened so often. */
  async happened(kind: string, times: number): Promise<void> {
    let after = 0;
    for (let seen = 0; seen < times;) {
      const query = { after, limit: 200, wait: 25 };
      const { items } = await this.#api.get(events, `${this.#path}/events`, query);
      seen += items.filter((entry) => entry.kind === kind).length;
      after = items.at(-1)?.seq ?? after;
    }
  }

  async sessions(): Promise<Session[]> {
    return (await this.#api.get(listOf(sessionShape), `${this.#path}/sessions`)).items;
  }

  /**
   * Resolves when each session that lived has been heard of since `from`, so that its lease runs from
   * then, or has ended; how many are of the first kind.
   */
  async allTaken(from: number): Promise<number> {
    const before = new Date(from + LEASE_MS).toISOString();
    for (;;) {
      const all = await this.sessions();
      const renewed = all.filter(({ state, leaseExpiresAt }) => state !== "ended" && leaseExpiresAt > before);
      const ended = all.filter(({ state }) => state === "ended");
      if (all.length >= SESSIONS && renewed.length + ended.length === all.length) return renewed.length;
      await pause(LOOK_MS, undefined, { signal: this.#signal });
    }
  }
}

/** Length of a lease (spec/town.md §5). */
const LEASE_MS = 90_000;
