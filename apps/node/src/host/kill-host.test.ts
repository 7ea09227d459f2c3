/**
 * The race: the host is killed (-9) while agents work, and another one is started on the same data
 * directory. Nothing tells the agents: their runner lives on, their sessions' leases run, effects
 * are half done (claimed and not carried out, carried out and not recorded), answers of the runner
 * find nobody and wait in its outbox.
 *
 * What must hold: the next host finds the runner instead of starting a second one; no session is
 * taken for lost, none is started twice; each piece of work lands exactly once. A file to which
 * every task appends one line of its own would show a task that was done twice.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { convoyDetail, sessionShape, type LiveFrame } from "@gastown/protocol";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { ApiClient } from "../cli/client.ts";
import { liveFrames, waitFor } from "../cli/live.ts";
import { listOf } from "../cli/target.ts";
import { git } from "../demo/git.ts";
import { World, type RunningHost } from "../testing/executable.ts";
import { readLocalToken } from "./credentials.ts";
import { dataDir } from "./data-dir.ts";

vi.setConfig({ testTimeout: 240_000 });

const TASKS = 4;
const never = new AbortController().signal;
let world: World;
let remote: string;
let townId: string;

beforeEach(async () => {
  world = new World();
  remote = await world.repository();
  mkdirSync(join(world.root, "go"));
});
afterEach(() => world.end());

/** A host with a town, where as many agents may work as there are tasks. */
async function begin(): Promise<RunningHost> {
  const host = await world.up();
  const made = await world.must(["init", "--json"], { cwd: join(world.root, "app.git-seed") });
  townId = made.json(z.object({ town: z.object({ id: z.string() }) })).town.id;
  await world.must(["config", "set", `limits.max_polecats_per_rig=${TASKS}`, "review.parallel_reviews=2"]);
  return host;
}

function api(host: RunningHost): ApiClient {
  return new ApiClient({
    url: host.url,
    token: readLocalToken(dataDir(world.dataDir)),
    signal: never,
    hint: "",
  });
}

/** Tasks that each append one line to a file of their own; held ones wait for the file `go`. */
async function slingConvoy(held: boolean): Promise<string> {
  const go = join(world.root, "go", "now");
  const tasks = Array.from({ length: TASKS }, (_, i) => {
    const steps = [
      ...(held ? [{ wait_for: { file: go } }] : []),
      { append: { path: `task-${i}.txt`, content: `line of task ${i}\n` } },
      { commit: { message: `Do task ${i}` } },
    ];
    return { title: `Task ${i}`, body: ["```gastown-script", JSON.stringify({ steps }), "```"].join("\n") };
  });
  const file = join(world.root, "convoy.yml");
  writeFileSync(file, JSON.stringify({ title: "Four at once", parallel: true, tasks }));
  const made = await world.must(["convoy", "sling", file, "--json"]);
  return made.json(z.object({ id: z.string() })).id;
}

async function killed(host: RunningHost): Promise<void> {
  host.child.kill("SIGKILL");
  await host.exit;
}

const upAgain = (host: RunningHost): Promise<RunningHost> => world.up(`127.0.0.1:${host.port}`);

/** Resolves when this event has come so often. */
async function seen(
  host: RunningHost,
  isIt: (entry: (LiveFrame & { type: "event" })["entry"]) => boolean,
  times = 1,
): Promise<void> {
  let left = times;
  for await (const frame of liveFrames(api(host), { townId, after: 0, signal: never })) {
    if (frame.type === "event" && isIt(frame.entry)) left -= 1;
    if (left === 0) return;
  }
}

async function landed(host: RunningHost, convoyId: string): Promise<void> {
  const client = api(host);
  const state = await waitFor(client, {
    townId,
    signal: never,
    timeoutMs: 200_000,
    read: async () => {
      const convoy = await client.get(convoyDetail, `/api/towns/${townId}/convoys/${convoyId}`);
      return ["landed", "failed", "closed"].includes(convoy.state) ? convoy.state : undefined;
    },
    timeoutMessage: () => "The convoy did not land.",
  });
  expect(state).toBe("landed");
}

/** Each task's file holds its line once, and the commit that made it is there once. */
async function nothingTwice(): Promise<void> {
  const subjects = (await git(["log", "--format=%s", "--no-merges", "main"], { cwd: remote })).split("\n");
  for (let i = 0; i < TASKS; i += 1) {
    expect(await git(["show", `main:task-${i}.txt`], { cwd: remote })).toBe(`line of task ${i}`);
    expect(subjects.filter((subject) => subject === `Do task ${i}`)).toHaveLength(1);
  }
}

describe("a host that is killed", () => {
  it("with four sessions live, is followed by one that loses none and starts none twice", async () => {
    const first = await begin();
    const convoyId = await slingConvoy(true);
    await seen(first, (entry) => entry.kind === "session.started" && entry.beadId !== undefined, TASKS);
    const [runner] = world.runners();
    await killed(first);
    const second = await upAgain(first);
    writeFileSync(join(world.root, "go", "now"), "");
    await landed(second, convoyId);
    await nothingTwice();
    expect(world.runners()).toEqual([runner]);
    const { items } = await api(second).get(listOf(sessionShape), `/api/towns/${townId}/sessions`);
    const work = items.filter((session) => session.role === "polecat");
    expect(work.map((session) => session.outcome)).toEqual(Array.from({ length: TASKS }, () => "submitted"));
    expect(items.filter((session) => session.outcome === "lost")).toEqual([]);
  });

  it("at each stage of the work, one after the other, still lands everything once", async () => {
    let host = await begin();
    const convoyId = await slingConvoy(false);
    for (const stage of [
      "session.created",
      "session.settling",
      "review.started",
      "merge.started",
      "convoy.landing",
    ]) {
      await seen(
        host,
        (entry) => entry.kind === stage && (stage !== "session.created" || entry.beadId !== undefined),
      );
      await killed(host);
      host = await upAgain(host);
    }
    await landed(host, convoyId);
    await nothingTwice();
  });
});
