/**
 * The runner's process dies and another takes its place. The races: callbacks that were on their
 * way, agents that outlive their runner, worktrees with work in them, two runners at once.
 */
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { StartRequest } from "@gastown/protocol";
import { directoryMarker } from "../processes/reap.ts";
import { markedProcesses, processStartTime } from "../processes/process-table.ts";
import { git, script, World } from "../testing/harness.ts";
import type { Control } from "../testing/harness.ts";
import { SpawnedRunner } from "../testing/spawn-runner.ts";
import { isAlive, readRunnerFile } from "./runner-file.ts";
import { startRunner } from "./start-runner.ts";

let world: World;
let control: Control;
const runners: SpawnedRunner[] = [];
beforeEach(async () => {
  world = new World();
  await world.town.start();
  world.settleOnDone(() => control);
});
afterEach(async () => {
  for (const runner of runners.splice(0)) await runner.kill();
  for (const { pid } of markedProcesses(directoryMarker(world.root))) process.kill(pid, "SIGKILL");
  await world.close();
});

async function spawnRunner(
  more: ConstructorParameters<typeof SpawnedRunner>[1] = {},
): Promise<SpawnedRunner> {
  const runner = new SpawnedRunner(world, more);
  runners.push(runner);
  control = await runner.ready();
  return runner;
}

const slotOf = (start: StartRequest, file: string): string =>
  join(world.root, "git", "slots", start.agent.id, world.rig.id, file);

/** A session that has written a file, left a process in the background and now hangs. */
async function hanging(): Promise<StartRequest> {
  const steps = [
    { run: "setsid sleep 1000 >/dev/null 2>&1 & echo $! > pid" },
    { write: { path: "half.txt", content: "half\n" } },
    "hang",
  ];
  const start = world.start(script({ steps }));
  await control.post("/agents/start", start);
  await world.town.facts.until("its file", () => existsSync(slotOf(start, "half.txt")));
  return start;
}

describe("a runner that was killed", () => {
  it("is followed by one that ends what it left, keeps the worktree and goes on with the session", async () => {
    const first = await spawnRunner();
    const start = await hanging();
    const background = Number(readFileSync(slotOf(start, "pid"), "utf8"));
    expect(processStartTime(background)).not.toBeNull();
    const conversation = world.town.statuses.find(
      ({ conversation_id }) => conversation_id !== undefined,
    )?.conversation_id;
    await first.kill();
    expect(isAlive(readRunnerFile(world.root) ?? { pid: 0, start_time: "" })).toBe(false);

    world.rewrite(
      start,
      script({
        steps: [{ run: "cat half.txt" }, { append: { path: "half.txt", content: "whole\n" } }],
      }),
    );
    world.town.desired = [{ ...start, resume_from: conversation ?? null }];
    await spawnRunner();
    const ended = await world.town.endOf(start.session_id);
    expect(processStartTime(background)).toBeNull();
    expect(ended).toMatchObject({ outcome: "completed", reason: { code: "settled" } });
    expect(ended.epoch).toBeGreaterThan(start.epoch);
    expect(git(world.remote, "show", `${String(start.branch)}:half.txt`)).toBe("half\nwhole");
    expect(
      new Set(world.town.statuses.map(({ conversation_id }) => conversation_id).filter(Boolean)),
    ).toEqual(new Set([conversation]));
  });

  it("is followed by one that saves the work of sessions that are not to go on", async () => {
    const first = await spawnRunner();
    const start = await hanging();
    await first.kill();
    world.town.desired = [];
    await spawnRunner();
    const ended = await world.town.endOf(start.session_id);
    expect(ended).toMatchObject({ outcome: "evicted", epoch: start.epoch });
    expect(git(world.remote, "show", `${String(ended.work_ref)}:half.txt`)).toBe("half");
  });

  it("is followed by one that gives a directory on only when its earlier work is saved", async () => {
    const first = await spawnRunner();
    const start = await hanging();
    await first.kill();
    const next = world.start(script({ steps: [{ write: { path: "new.txt", content: "new\n" } }] }), {
      agent: start.agent,
    });
    world.town.desired = [next];
    await spawnRunner();
    await world.town.endOf(next.session_id);
    const refs = git(world.remote, "for-each-ref", "--format=%(refname)", "refs/gastown/wip");
    expect(refs).toContain(start.session_id);
    expect(git(world.remote, "ls-tree", "--name-only", String(next.branch))).toBe("README.md\nnew.txt");
  });

  it("loses no transcript item and delivers none under two numbers", async () => {
    const first = await spawnRunner();
    world.town.down.add("runner/events");
    const start = world.start(
      script({ steps: [{ flood: 300 }, { write: { path: "half.txt", content: "half\n" } }, "hang"] }),
    );
    await control.post("/agents/start", start);
    await world.town.facts.until("its file", () => existsSync(slotOf(start, "half.txt")));
    // Two more tries prove that the items are on disk: the second began after the first had failed.
    const delays = (): number => (first.stderr.match(/callback.delayed/g) ?? []).length;
    const before = delays();
    await world.town.facts.until("two failed deliveries", () => delays() >= before + 2);
    await first.kill();
    world.town.down.clear();
    world.rewrite(
      start,
      script({
        steps: [{ say: "second life" }, { write: { path: "b", content: "b" } }],
      }),
    );
    world.town.desired = [start];
    await spawnRunner();
    await world.town.endOf(start.session_id);
    const seqs = world.town.itemsOf(start.session_id).map(({ seq }) => seq);
    const distinct = [...new Set(seqs)].toSorted((a, b) => a - b);
    expect(distinct).toEqual(distinct.map((_seq, i) => i + 1));
    const said = world.town.said(start.session_id);
    expect(said.match(/flood \d+ of 300/g)).toHaveLength(300);
    expect(said.indexOf("flood 300 of 300")).toBeLessThan(said.indexOf("second life"));
  });

  it("has its settle result delivered by the next one, once it is asked for again or not", async () => {
    const first = await spawnRunner();
    world.town.down.add("sessions/");
    world.town.down.add("runner/events");
    world.town.down.delete("sessions/");
    const start = world.start(
      script({ steps: [{ write: { path: "a.txt", content: "a\n" } }, { run: "touch ready" }, "hang"] }),
    );
    await control.post("/agents/start", start);
    await world.town.facts.until("its file", () => existsSync(slotOf(start, "ready")));
    world.town.down.add(`sessions/${start.session_id}/settle`);
    const settle_id = `settle_${"2".repeat(26)}`;
    await control.post(`/agents/${start.session_id}/settle`, {
      settle_id,
      epoch: start.epoch,
      no_changes: false,
      message: "x",
    });
    await world.town.facts.until(
      "the push",
      () => git(world.remote, "branch", "--list", String(start.branch)) !== "",
    );
    await world.town.facts.until("a failed delivery", () =>
      first.stderr.includes(`sessions/${start.session_id}/settle`),
    );
    await first.kill();
    world.town.down.clear();
    await spawnRunner();
    const result = await world.town.facts.until("its result", () => world.town.settles[0]);
    expect(result).toMatchObject({ settle_id, result: "pushed", epoch: start.epoch });
  });
});

describe("a work directory", () => {
  it("belongs to one runner at a time, and is free as soon as that is dead", async () => {
    const first = await spawnRunner();
    await expect(startRunner(world.options())).rejects.toMatchObject({ code: "already_exists" });
    await first.kill();
    await spawnRunner();
  });

  it("says where the runner is, to its owner only", async () => {
    const runner = await spawnRunner();
    const path = join(world.root, "runner.json");
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(world.root).mode & 0o777).toBe(0o700);
    const file = readRunnerFile(world.root);
    expect(file).toMatchObject({ pid: runner.child.pid, version: "1.0.0-test" });
    expect(file !== null && isAlive(file)).toBe(true);
    expect((await control.get("/health")).body).toMatchObject({
      status: "ok",
      instance_id: file?.instance_id,
    });
    await world.town.facts.until("readiness", () => world.town.heartbeats.length > 0);
    expect((await control.get("/ready")).body).toMatchObject({ phase: "ready", total: 0 });
  });
});

describe("a host that goes away and comes back", () => {
  it("finds the same runner with its sessions, and the agent's call that waited is answered", async () => {
    const runner = await spawnRunner();
    const start = world.start(
      script({ steps: [{ wait: 400 }, { write: { path: "a.txt", content: "a\n" } }] }),
    );
    await control.post("/agents/start", start);
    await world.town.facts.until("its turn", () => world.town.calls.length > 0);
    await world.town.stop();
    // Three heartbeats in vain: the agent's gt_done has met the closed port meanwhile as well.
    await world.town.facts.until("failed heartbeats", () => runner.stderr.includes('"failures":3'));
    await world.town.start();
    expect(await world.town.endOf(start.session_id)).toMatchObject({
      outcome: "completed",
      reason: { code: "settled" },
    });
    expect(world.town.registrations).toHaveLength(1);
  });
});

describe("a runner that was replaced", () => {
  it("stops its agents, saves their work and exits when a call is answered runner_fenced", async () => {
    const runner = await spawnRunner({ cancelMs: 300 });
    const start = await hanging();
    world.town.fenced = true;
    expect(await runner.exited).toEqual({ code: 0, signal: null });
    const refs = git(world.remote, "for-each-ref", "--format=%(refname)", "refs/gastown/wip");
    expect(refs).toContain(start.session_id);
    expect(markedProcesses(directoryMarker(world.root))).toEqual([]);
  });

  it("exits with 1 when its boot secret is refused", async () => {
    const runner = new SpawnedRunner(world, { bootSecret: "wrong" });
    runners.push(runner);
    expect(await runner.exited).toEqual({ code: 1, signal: null });
  });
});
