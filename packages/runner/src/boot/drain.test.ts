/**
 * Drain and eviction (spec/runner.md §6), on a runner process with agents of its own. The failures:
 * work that is lost with its machine, an end that waits for an agent which never ends, a mayor that
 * keeps a runner from going, an end that nobody can hurry, a runner that works on without its town.
 */
import { existsSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { StartRequest } from "@gastown/protocol";
import { createGitWorkspace } from "../git/index.ts";
import { markedProcesses } from "../processes/process-table.ts";
import { directoryMarker } from "../processes/reap.ts";
import { Control, git, script, World } from "../testing/harness.ts";
import { SpawnedRunner } from "../testing/spawn-runner.ts";
import { readRunnerFile } from "./runner-file.ts";

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

const MAYOR = {
  role: "mayor",
  rig: null,
  bead: null,
  branch: null,
  target: null,
  start_point: null,
} as const;
const said = (start: StartRequest, text: string): Promise<boolean> =>
  world.town.facts.until(`"${text}"`, () => world.town.said(start.session_id).includes(text));
const wip = (): string => git(world.remote, "for-each-ref", "--format=%(refname)", "refs/gastown/wip");

/** A session that has written a file and then does not even answer a cancel. */
async function hanging(more: Partial<StartRequest> = {}): Promise<StartRequest> {
  const steps = [{ write: { path: "half.txt", content: "half\n" } }, { say: "hanging" }, "hang"];
  const start = world.start(script({ steps }), more);
  await control.post("/agents/start", start);
  await said(start, "hanging");
  return start;
}

/** In a process of its own, so that the death of another's does not reach it. */
async function waitingFor(file: string, name: string): Promise<StartRequest> {
  const steps = [
    { say: "waiting" },
    { wait_for: { file: join(world.dir, file) } },
    { write: { path: `${name}.txt`, content: "x\n" } },
  ];
  const start = world.start(script({ steps }));
  const settings = { ...start.settings, env: { OWN: name } };
  await control.post("/agents/start", { ...start, settings });
  await said(start, "waiting");
  return start;
}

const touch = (file: string): void => writeFileSync(join(world.dir, file), "");

describe("SIGTERM", () => {
  it("lets a running turn end, evicts the rest with its work saved, tells the town, and exits with 0", async () => {
    const runner = await spawnRunner({ drainWaitMs: 8_000, cancelMs: 300 });
    const stuck = await hanging();
    const busy = await waitingFor("go", "busy");
    runner.child.kill("SIGTERM");
    await world.town.facts.until("the drain", () => world.town.drains.length > 0);
    const late = world.start(script({ steps: [] }));
    expect(await control.post("/agents/start", late)).toMatchObject({
      status: 503,
      body: { error: { code: "draining" } },
    });
    touch("go");
    expect(await runner.exited).toEqual({ code: 0, signal: null });
    expect(world.town.drains).toEqual(["sigterm"]);
    expect(await world.town.endOf(busy.session_id)).toMatchObject({
      outcome: "completed",
      reason: { code: "settled" },
    });
    const evicted = await world.town.endOf(stuck.session_id);
    expect(evicted).toMatchObject({ outcome: "evicted", reason: { code: "drained" } });
    expect(git(world.remote, "show", `${String(evicted.work_ref)}:half.txt`)).toBe("half");
    expect(new Set(world.town.drained[0])).toEqual(new Set([stuck.session_id, busy.session_id]));
    expect(world.town.heartbeats.at(-1)?.draining).toBe(true);
    expect(readRunnerFile(world.root)).toBeNull();
    expect(markedProcesses(directoryMarker(world.root))).toEqual([]);
  });

  it("does not wait for a mayor nor for who has nothing to do, and beats with its flag until the end", async () => {
    const runner = await spawnRunner();
    const mayor = world.start("", { ...MAYOR, prompt: null });
    await control.post("/agents/start", mayor);
    const text = script({ steps: [{ say: "thinking" }, { wait_for: { file: "never" } }] });
    const message = { message_id: "m1", epoch: mayor.epoch, text, mode: "when_idle" };
    await control.post(`/agents/${mayor.session_id}/message`, message);
    await said(mayor, "thinking");
    const idle = world.start(script({ steps: ["lie"], later: [{ say: "asked" }, "lie"] }));
    await control.post("/agents/start", idle);
    await said(idle, "asked");
    const busy = await waitingFor("go", "busy");
    runner.child.kill("SIGTERM");
    // Both are gone while the busy one works on, of which the heartbeats tell.
    expect(await world.town.endOf(mayor.session_id)).toMatchObject({ outcome: "evicted" });
    expect(await world.town.endOf(idle.session_id)).toMatchObject({ outcome: "evicted" });
    const since = world.town.heartbeats.length;
    await world.town.facts.until("two more heartbeats", () => world.town.heartbeats.length >= since + 2);
    expect(world.town.heartbeats.at(-1)).toMatchObject({
      draining: true,
      sessions: [{ session_id: busy.session_id, state: "busy" }],
    });
    touch("go");
    expect(await runner.exited).toEqual({ code: 0, signal: null });
    expect(await world.town.endOf(busy.session_id)).toMatchObject({ outcome: "completed" });
  });

  it("before the town has answered the registration ends at once, with nothing left", async () => {
    world.town.onRegister = () => new Promise(() => undefined);
    const runner = new SpawnedRunner(world);
    runners.push(runner);
    await world.town.facts.until("the registration", () => world.town.registrations.length > 0);
    runner.child.kill("SIGTERM");
    expect(await runner.exited).toEqual({ code: 0, signal: null });
    expect(world.town.drains).toEqual([]);
    expect(readRunnerFile(world.root)).toBeNull();
  });
});

describe("a second SIGTERM", () => {
  it("waits for no turn and no cancel, and still saves the work", async () => {
    const runner = await spawnRunner({ cancelMs: 60_000 });
    const stuck = await hanging();
    runner.child.kill("SIGTERM");
    await world.town.facts.until("the drain", () => world.town.drains.length > 0);
    runner.child.kill("SIGTERM");
    expect(await runner.exited).toEqual({ code: 0, signal: null });
    const evicted = await world.town.endOf(stuck.session_id);
    expect(evicted).toMatchObject({ outcome: "evicted", reason: { code: "drained" } });
    expect(git(world.remote, "show", `${String(evicted.work_ref)}:half.txt`)).toBe("half");
    expect(markedProcesses(directoryMarker(world.root))).toEqual([]);
  });

  it("says what it could not save, exits with 1, and the next runner saves it", async () => {
    const runner = await spawnRunner({ cancelMs: 60_000 });
    const stuck = await hanging();
    renameSync(world.remote, `${world.remote}.away`);
    runner.child.kill("SIGTERM");
    await world.town.facts.until("the drain", () => world.town.drains.length > 0);
    runner.child.kill("SIGTERM");
    expect(await runner.exited).toEqual({ code: 1, signal: null });
    expect(JSON.parse(lineWith(runner.stderr, "drain.over"))).toMatchObject({ unsaved: [stuck.session_id] });
    renameSync(`${world.remote}.away`, world.remote);
    await spawnRunner();
    await world.town.facts.until("its ref", () => wip() === `refs/gastown/wip/${stuck.session_id}`);
  });

  it("hurries a drain that the host had asked for; a third ends at once", async () => {
    const runner = await spawnRunner({ cancelMs: 60_000 });
    const stuck = await hanging();
    // A push that never ends: the remote waits inside its hook.
    git(world.dir, "config", "--file", join(world.remote, "config"), "core.hooksPath", hook("sleep 1000"));
    await control.post("/drain", { reason: "host", wait_ms: 60_000 });
    await world.town.facts.until("the drain", () => world.town.drains.length > 0);
    runner.child.kill("SIGTERM");
    await world.town.facts.until("the hurry", () => runner.stderr.includes("drain.hurried"));
    runner.child.kill("SIGTERM");
    expect(await runner.exited).toEqual({ code: 1, signal: null });
    expect(world.town.ended.some(({ session }) => session === stuck.session_id)).toBe(false);
  });
});

describe("a drain during boot", () => {
  it("evicts what was being resumed, whose work was saved, and ends even where git never does", async () => {
    const [held, deaf] = [world.start(script({ steps: [] })), world.start(script({ steps: [] }))];
    world.town.desired = [held, deaf];
    const runner = await world.booting({ stragglerMs: 1_000, lastMs: 300 }, (options) => ({
      ...createGitWorkspace(options),
      prepareWorktree: ({ slot, signal }) =>
        new Promise((_done, fail) => {
          // One ends when it is told to, the other never does.
          if (slot === held.agent.id)
            signal.addEventListener("abort", () => fail(signal.reason), { once: true });
        }),
    }));
    await world.town.facts.until("both", () => {
      return world.town.heartbeats.at(-1)?.sessions.every(({ state }) => state === "provisioning");
    });
    runner.drain("sigterm", 60_000);
    // The one that could be ended is given out again at once, with no attempt counted.
    expect(await world.town.endOf(held.session_id)).toMatchObject({
      outcome: "evicted",
      reason: { code: "drained" },
    });
    expect(await runner.exit).toEqual({ code: 1, reason: "drained", unsaved: [deaf.session_id] });
  });
});

describe("a runner whose heartbeats nobody answers", () => {
  const failures = (): number => world.logs.filter(({ event }) => event === "heartbeat.failed").length;

  it("begins no further turn after ten of them, until one is answered", async () => {
    control = new Control(await world.runner({ heartbeatMs: 40 }));
    const mayor = world.start("", { ...MAYOR, prompt: null });
    await control.post("/agents/start", mayor);
    await world.town.facts.until("an idle mayor", () =>
      world.town.heartbeats.at(-1)?.sessions.some(({ state }) => state === "idle"),
    );
    world.town.down.add("runner/heartbeat");
    await world.town.facts.until("ten failures", () => failures() >= 10);
    const text = script({ steps: [{ say: "at last" }] });
    const message = { message_id: "m1", epoch: mayor.epoch, text, mode: "when_idle" };
    expect((await control.post(`/agents/${mayor.session_id}/message`, message)).status).toBe(202);
    await world.town.facts.until("five more", () => failures() >= 15);
    expect(world.town.calls).toEqual([]);
    expect((await control.get(`/agents/${mayor.session_id}/status`)).body).toMatchObject({ state: "idle" });
    world.town.down.clear();
    await said(mayor, "at last");
  });

  it("drains itself after sixty, counted and not timed, with its work saved", async () => {
    const runner = await world.runner({ heartbeatMs: 40, cancelMs: 300 });
    control = new Control(runner);
    const stuck = await hanging();
    world.town.down.add("runner/heartbeat");
    expect(await runner.exit).toEqual({ code: 0, reason: "drained", unsaved: [] });
    expect(failures()).toBeGreaterThanOrEqual(60);
    expect(wip()).toBe(`refs/gastown/wip/${stuck.session_id}`);
    expect(existsSync(join(world.root, "runner.json"))).toBe(false);
  });
});

/** The line of a log that tells this event. */
function lineWith(log: string, event: string): string {
  return log.split("\n").find((line) => line.includes(`"${event}"`)) ?? "";
}

/** A folder with a pre-receive hook that runs this command. */
function hook(command: string): string {
  const dir = join(world.dir, "hooks");
  mkdirSync(dir);
  writeFileSync(join(dir, "pre-receive"), `#!/bin/sh\n${command}\n`, { mode: 0o755 });
  return dir;
}
