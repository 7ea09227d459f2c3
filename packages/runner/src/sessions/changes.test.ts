/**
 * Changes of live sessions (spec/runner.md §1, §3). The failures: a change of settings that restarts
 * everybody, that is used by some paths and forgotten by others, or that loses a conversation.
 */
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { SessionLaunch, StartRequest } from "@gastown/protocol";
import { processStartTime } from "../processes/process-table.ts";
import { Control, script, SCRIPTED_PROGRAM, World } from "../testing/harness.ts";

let world: World;
let control: Control;
beforeEach(async () => {
  world = new World();
  await world.town.start();
});
afterEach(() => world.close());

const store = () => join(world.dir, "store");

async function boot(more: Parameters<World["runner"]>[0] = {}): Promise<void> {
  const hostEnv = { PATH: process.env["PATH"], HOME: world.dir, SCRIPTED_STORE: store() };
  control = new Control(await world.runner({ hostEnv, ...more }));
}

async function mayor(more: Partial<StartRequest> = {}): Promise<StartRequest> {
  const none = { rig: null, bead: null, branch: null, target: null, start_point: null, prompt: null };
  const start = world.start("", { role: "mayor", system: "You are the mayor.", ...none, ...more });
  await control.post("/agents/start", start);
  await idle(start);
  return start;
}

const stateOf = ({ session_id }: StartRequest): string | undefined =>
  world.town.heartbeats.at(-1)?.sessions.find((one) => one.session_id === session_id)?.state;
const idle = (start: StartRequest): Promise<true> =>
  world.town.facts.until("an idle session", () => stateOf(start) === "idle" || undefined);

const SEES = 'echo "$SCRIPTED_MODEL turn $SCRIPTED_TURN color ${COLOR:-none}" >> "$OUT"';
let asked = 0;

/** What the mayor's next turn sees: its model, the number of the turn, a variable of the town's. */
async function sees(start: StartRequest): Promise<string> {
  asked += 1;
  const message_id = `m${asked}`;
  const out = join(world.dir, message_id);
  const steps = [{ run: SEES.replace("$OUT", out) }, { say: "{{message}}" }];
  await control.post(`/agents/${start.session_id}/message`, {
    message_id,
    epoch: start.epoch,
    text: script({ steps }),
    mode: "when_idle",
  });
  await world.town.facts.until("its turn", () =>
    world.town.turns.find((turn) => turn.message_id === message_id),
  );
  return readFileSync(out, "utf8").trim();
}

function launchOf(start: StartRequest, more: Partial<SessionLaunch> = {}): SessionLaunch {
  const { runtime, model, small_model, system, modes, author, coauthor, settings } = start;
  return { runtime, model, small_model, system, modes, author, coauthor, settings, ...more };
}
const withEnv = (start: StartRequest, env: Record<string, string>, config_version = 2): SessionLaunch =>
  launchOf(start, { settings: { ...start.settings, env, config_version } });

async function sync(...changed: readonly (readonly [StartRequest, SessionLaunch])[]): Promise<unknown[]> {
  const sessions = changed.map(([{ session_id, epoch }, launch]) => ({ session_id, epoch, launch }));
  const answer = await control.post("/sync-config", { config_version: 2, sessions });
  expect(answer.status).toBe(200);
  const { sessions: changes } = answer.body as { sessions: { change: string }[] };
  return changes.map(({ change }) => change);
}

const pidsOf = (event: string): number[] =>
  world.logs.filter((one) => one.event === event).map(({ data }) => (data as { pid: number }).pid);
const started = (): number[] => pidsOf("agent.process_started");
const ended = (): number[] => pidsOf("agent.process_ended");

describe("a new version of the settings", () => {
  it("that changes no launch spec restarts nobody and moves nobody", async () => {
    await boot();
    const start = await mayor();
    expect(await sees(start)).toBe("scripted-1 turn 1 color none");
    expect(await sync([start, withEnv(start, {})])).toEqual(["none"]);
    expect(await sees(start)).toBe("scripted-1 turn 2 color none");
    expect(started()).toHaveLength(1);
    expect(ended()).toEqual([]);
  });

  it("moves idle sessions at once, busy ones after their turn, and ends the old process after the last", async () => {
    await boot();
    const start = await mayor();
    expect(await sees(start)).toBe("scripted-1 turn 1 color none");
    const worker = world.start(script({ steps: [{ wait_for: "go" }] }));
    await control.post("/agents/start", worker);
    await world.town.facts.until("a busy worker", () => stateOf(worker) === "busy" || undefined);
    expect(started()).toHaveLength(1);
    const env = { COLOR: "green" };
    expect(await sync([start, withEnv(start, env)], [worker, withEnv(worker, env)])).toEqual([
      "move",
      "move",
    ]);
    expect(await sees(start)).toBe("scripted-1 turn 2 color green");
    expect(started()).toHaveLength(2);
    expect(ended()).toEqual([]);
    expect(stateOf(worker)).toBe("busy");
    const { status } = await control.post(`/agents/${worker.session_id}/interrupt`, { epoch: worker.epoch });
    expect(status).toBe(202);
    await world.town.facts.until("the end of the old process", () => ended().length === 1 || undefined);
    expect(ended()).toEqual([started()[0]]);
    expect(started()).toHaveLength(2);
    const environment = readFileSync(`/proc/${started()[1]}/environ`, "utf8");
    expect(environment.split("\0")).toContain("COLOR=green");
  });

  it("takes a variable and a model away as it gave them: environment, model, everything", async () => {
    await boot();
    const start = await mayor();
    const given = withEnv(start, { COLOR: "green" });
    expect(await sync([start, { ...given, model: "big-one", coauthor: "big-one <a@b.example>" }])).toEqual([
      "move",
    ]);
    expect(await sees(start)).toBe("big-one turn 1 color green");
    expect(await sync([start, withEnv(start, {}, 3)])).toEqual(["move"]);
    expect(await sees(start)).toBe("scripted-1 turn 2 color none");
    const environment = readFileSync(`/proc/${started().at(-1)}/environ`, "utf8");
    expect(environment).not.toContain("COLOR");
    expect(await sync([start, { ...withEnv(start, {}, 4), model: "big-one" }])).toEqual(["next_turn"]);
    expect(await sync([start, withEnv(start, {}, 5)])).toEqual(["none"]);
    expect(await sees(start)).toBe("scripted-1 turn 3 color none");
  });

  it("reaches a session whose start was written before it and arrives after it", async () => {
    await boot();
    const none = { rig: null, bead: null, branch: null, target: null, start_point: null, prompt: null };
    const start = world.start("", { role: "mayor", ...none });
    const newer = world.start("", {
      role: "mayor",
      ...none,
      settings: { ...start.settings, config_version: 9 },
    });
    const changed = (of: StartRequest) => ({ ...withEnv(of, { COLOR: "green" }), model: "big-one" });
    expect(await sync([start, changed(start)], [newer, changed(newer)])).toEqual(["unknown", "unknown"]);
    for (const one of [start, newer]) {
      await control.post("/agents/start", one);
      await idle(one);
    }
    expect(await sees(start)).toBe("big-one turn 1 color green");
    expect(await sees(newer)).toBe("scripted-1 turn 1 color none");
  });

  it("ends a session whose conversation could not be kept as nobody's failure", async () => {
    await boot();
    const start = await mayor();
    await sees(start);
    rmSync(store(), { recursive: true });
    await sync([start, withEnv(start, { COLOR: "green" })]);
    expect(await world.town.endOf(start.session_id)).toMatchObject({
      outcome: "evicted",
      reason: { code: "conversation_lost" },
    });
    await world.town.facts.until("the end of the old process", () => ended().length > 0 || undefined);
    expect(processStartTime(started()[0] ?? 0)).toBeNull();
  });

  it("ends a session that cannot be moved with the reason, and disturbs no other", async () => {
    await boot({ toolsMs: 10_000, initializeMs: 6_000 });
    const [first, second] = [await mayor(), await mayor()];
    await sync([first, withEnv(first, { SCRIPTED_MISBEHAVIOR: "silent" })], [second, withEnv(second, {})]);
    expect(await world.town.endOf(first.session_id)).toMatchObject({
      outcome: "evicted",
      reason: { code: "handshake_timeout" },
    });
    expect(await sees(second)).toBe("scripted-1 turn 1 color none");
  });
});

describe("another model", () => {
  const choose = (start: StartRequest, model: string) =>
    control.call("PATCH", `/agents/${start.session_id}/model`, { epoch: start.epoch, model });

  it("is set in the open conversation, also during a turn, in the same process", async () => {
    await boot();
    const start = await mayor();
    const steps = [{ wait_for: join(world.dir, "go") }];
    const wait = { message_id: "wait", epoch: start.epoch, text: script({ steps }), mode: "when_idle" };
    await control.post(`/agents/${start.session_id}/message`, wait);
    await world.town.facts.until("a busy mayor", () => stateOf(start) === "busy" || undefined);
    expect(await choose(start, "big-one")).toEqual({ status: 200, body: { applied: "live" } });
    await control.post(`/agents/${start.session_id}/interrupt`, { epoch: start.epoch });
    expect(await sees(start)).toBe("big-one turn 2 color none");
    expect(started()).toHaveLength(1);
  });

  it("that is not offered is refused, and the one before it stays", async () => {
    await boot();
    const start = await mayor();
    await choose(start, "big-one");
    expect(await choose(start, "unknown-one")).toMatchObject({
      status: 400,
      body: { error: { message: expect.stringContaining("unknown-one") } },
    });
    expect(await sees(start)).toBe("big-one turn 1 color none");
  });

  it("of a runtime that takes it at launch is another process with the same conversation", async () => {
    const runtimeOverrides = { gemini: { command: process.execPath, args: [SCRIPTED_PROGRAM] } };
    const env = { SCRIPTED_STORE: store() };
    await boot({ runtimeOverrides: { gemini: { ...runtimeOverrides.gemini, env } } });
    const start = await mayor({ runtime: "gemini", model: "small-one" });
    expect(await sees(start)).toBe("small-one turn 1 color none");
    expect(await choose(start, "big-one")).toEqual({ status: 200, body: { applied: "restarted" } });
    expect(await sees(start)).toBe("big-one turn 2 color none");
    expect(started()).toHaveLength(2);
  });

  it("asked for while the session opens is the one that it opens with", async () => {
    await boot();
    const none = { rig: null, bead: null, branch: null, target: null, start_point: null, prompt: null };
    const start = world.start("", { role: "mayor", ...none });
    await control.post("/agents/start", start);
    expect(await choose(start, "big-one")).toEqual({ status: 202, body: { applied: "pending" } });
    await idle(start);
    expect(await sees(start)).toBe("big-one turn 1 color none");
    expect(
      await control.call("PATCH", `/agents/${start.session_id}/model`, { epoch: 1, model: "x" }),
    ).toMatchObject({ status: 409 });
  });
});

describe("other instructions", () => {
  it("are told before the next turn, once, where a runtime can only be told", async () => {
    const override = {
      command: process.execPath,
      args: [SCRIPTED_PROGRAM],
      env: { SCRIPTED_STORE: store() },
    };
    await boot({ runtimeOverrides: { custom: override } });
    const start = await mayor({ runtime: "custom" });
    await sees(start);
    const path = `/agents/${start.session_id}/system-prompt`;
    const put = await control.call("PUT", path, { epoch: start.epoch, system: "You are a strict mayor." });
    expect(put).toEqual({ status: 200, body: { change: "next_turn" } });
    await sees(start);
    await sees(start);
    await world.town.facts.until("its words", () =>
      world.town.said(start.session_id).includes("You are a strict mayor."),
    );
    const said = world.town.said(start.session_id);
    expect(said.match(/You are the mayor\./g)).toHaveLength(1);
    expect(said.match(/instructions have changed/g)).toHaveLength(1);
    expect(started()).toHaveLength(1);
  });
});
