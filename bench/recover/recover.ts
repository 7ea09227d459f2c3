/**
 * recover: the host is killed (-9) with 20 sessions live and started again on the same data directory.
 * How long until every lease is renewed or its bead open again, and whether everything then lands once.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { World } from "../../apps/node/src/testing/executable.ts";
import type { Benchmark, BenchContext, Figures } from "../lib/benchmark.ts";
import { git } from "../lib/repository.ts";
import { rounded } from "../lib/statistics.ts";
import { TownApi, up } from "../lib/town-api.ts";

const SESSIONS = 20;
const MAX_MS = 5_000;
const LIMIT_MS = 200_000;
/** Between two looks at the sessions: the figure is as coarse as this. */
const LOOK_MS = 20;
/** Length of a lease (spec/town.md §5). */
const LEASE_MS = 90_000;

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
  const town = await TownApi.make(world, host, "recover", limited);
  const limits = { max_polecats_per_rig: SESSIONS, max_agents: SESSIONS + 4 };
  await town.configure({ runtime: "scripted", review: { code_review: false }, limits });
  const rig = await town.addRig(remote);
  await town.happened("rig.verified", 1);
  for (let i = 0; i < SESSIONS; i += 1) await town.start(rig, `Task ${i}`, steps(i, go));
  await town.happened("session.started", SESSIONS);
  note(`${SESSIONS} sessions are live; the host is killed`);
  host.child.kill("SIGKILL");
  await host.exit;

  const restarted = Date.now();
  host = await up(world, { port: host.port });
  const readyMs = Date.now() - restarted;
  town.use(host);
  const taken = await allTaken(town, restarted, limited);
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

/** One commit, once the file `go` is there. */
function steps(i: number, go: string): object[] {
  return [
    { wait_for: { file: go } },
    { write: { path: `task-${i}.txt`, content: `task ${i}\n` } },
    { commit: { message: `Do task ${i}` } },
  ];
}

/**
 * Resolves when each session that lived has been heard of since `from`, so that its lease runs from
 * then, or has ended; how many are of the first kind.
 */
async function allTaken(town: TownApi, from: number, signal: AbortSignal): Promise<number> {
  const before = new Date(from + LEASE_MS).toISOString();
  for (;;) {
    const all = await town.sessions();
    const renewed = all.filter(({ state, leaseExpiresAt }) => state !== "ended" && leaseExpiresAt > before);
    const ended = all.filter(({ state }) => state === "ended");
    if (all.length >= SESSIONS && renewed.length + ended.length === all.length) return renewed.length;
    await pause(LOOK_MS, undefined, { signal });
  }
}
