/**
 * A host with so many towns that have nothing to do, some of which were used since it began. Tells its parent
 * in one line of JSON what a minute of that costs. Runs in a process of its own, with `--expose-gc`.
 * Its arguments: a folder of its own, how many towns, how many of them to use, how many milliseconds to watch.
 */
import { createHook } from "node:async_hooks";
import { copyFileSync, readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as pause } from "node:timers/promises";
import { townShape } from "@gastown/protocol";
import { ApiClient } from "../../apps/node/src/cli/client.ts";
import { listOf } from "../../apps/node/src/cli/target.ts";
import { readLocalToken } from "../../apps/node/src/host/credentials.ts";
import { dataDir } from "../../apps/node/src/host/data-dir.ts";
import type { Host } from "../../apps/node/src/host/host.ts";
import { openHostDatabase } from "../../apps/node/src/host/host-database.ts";
import { benchHost } from "../lib/bench-town.ts";
import type { Idle } from "./idle-towns.ts";

const [root = "", count = "1", used = "1", watchMs = "1000"] = process.argv.slice(2);
const dir = dataDir(join(root, "data"));
/** A host looks at what it may close once in a minute after its last use. */
const CLOSED_MS = 90_000;
const LOOK_MS = 500;
const townEntry = townShape.pick({ id: true });

const timers = watchTimers();
await makeTowns(Number(count));
const host = await benchHost(root);
const heapBefore = heap();
await use(host, Number(used));
await allClosed();
const idle: Idle = { heapBefore, heap: heap(), ...(await watched()) };
process.stdout.write(`${JSON.stringify(idle)}\n`);
await host.stop({ keepRunners: false, drainWaitMs: 0 });

/** One town as the product makes it, and copies of its file under other ids. */
async function makeTowns(wanted: number): Promise<void> {
  const first = await benchHost(root);
  const made = await clientOf(first).post(townEntry, "/api/users/user_local/towns", {
    name: "town-0",
  });
  await first.stop({ keepRunners: false, drainWaitMs: 0 });
  const database = openHostDatabase(dir);
  for (let i = 1; i < wanted; i += 1) {
    const id = made.id.slice(0, -5) + String(i).padStart(5, "0");
    copyFileSync(dir.town(made.id), dir.town(id));
    const db = new DatabaseSync(dir.town(id));
    db.exec("pragma synchronous = off");
    db.prepare("update town set town_id = ?, name = ?").run(id, `town-${i}`);
    db.close();
    database.addTown({ id, name: `town-${i}`, createdAt: Date.now() });
  }
  database.close();
}

async function use(running: Host, towns: number): Promise<void> {
  const api = clientOf(running);
  const { items } = await api.get(listOf(townEntry), "/api/towns");
  for (const { id } of items.slice(0, towns)) await api.raw("GET", `/api/towns/${id}/status`);
}

/** Resolves when no town's database is open any more. */
async function allClosed(): Promise<void> {
  const until = performance.now() + CLOSED_MS;
  while (openTowns() > 0) {
    if (performance.now() > until) throw new Error(`${openTowns()} towns are still open.`);
    await pause(LOOK_MS);
  }
}

function openTowns(): number {
  return readdirSync("/proc/self/fd").filter((fd) => linkOf(fd).startsWith(join(dir.root, "towns"))).length;
}

function linkOf(fd: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    // It was the descriptor of the listing itself.
    return "";
  }
}

async function watched(): Promise<Pick<Idle, "timers" | "cpuMs">> {
  timers.fired = 0;
  const before = process.cpuUsage();
  await pause(Number(watchMs));
  const { user, system } = process.cpuUsage(before);
  // The one that ended this watch was ours.
  return { timers: timers.fired - 1, cpuMs: (user + system) / 1_000 };
}

/** Counts every timer that fires but for those of Node's own HTTP server, which look after connections. */
function watchTimers(): { fired: number } {
  const counted = { fired: 0 };
  const ours = new Set<number>();
  createHook({
    init: (id, type) => {
      if (type === "Timeout" && !/node:_http_server/.test(new Error("made here").stack ?? "")) ours.add(id);
    },
    before: (id) => {
      if (ours.has(id)) counted.fired += 1;
    },
    destroy: (id) => void ours.delete(id),
  }).enable();
  return counted;
}

/** Bytes that are held after a collection. */
function heap(): number {
  if (gc === undefined) throw new Error("Start it with --expose-gc.");
  for (let i = 0; i < 3; i += 1) gc();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

function clientOf({ url }: Host): ApiClient {
  const signal = new AbortController().signal;
  return new ApiClient({
    url,
    token: readLocalToken(dir),
    signal,
    hint: "The benchmark's own server has ended.",
  });
}
