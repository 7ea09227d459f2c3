/**
 * A prewarmed mayor is the right one or is not used (spec/runner.md §3). The failures: one without its
 * tools or its place, one with yesterday's model, and a guess made from half an answer.
 */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { healthAnswer } from "@gastown/protocol";
import type { LaunchContext, StartRequest } from "@gastown/protocol";
import { Control, script, World } from "../testing/harness.ts";
import { readContext } from "./prewarm.ts";

const CONTEXT: LaunchContext = {
  agent_id: "agent_00000000000000000000000001",
  agent: { id: "agent_00000000000000000000000001", name: "Mayor" },
  runtime: "scripted",
  model: null,
  small_model: null,
  organization: null,
  spec_version: "v1",
  config_version: 1,
};

describe("a launch context", () => {
  const { spec_version: _spec, ...older } = CONTEXT;
  const { organization: _organization, ...noOrganization } = CONTEXT;
  it.each<[string, LaunchContext, object]>([
    [
      "opens where all of it is there; no organization is an answer",
      CONTEXT,
      { type: "open", specVersion: "v1" },
    ],
    ["is skipped without a mayor", { agent_id: null }, { type: "skip", why: "no_mayor" }],
    [
      "is skipped for a mayor that cannot be started",
      { agent_id: "agent_1" },
      { type: "skip", why: "not_usable" },
    ],
    ["of an older server is skipped, not guessed", older, { type: "skip", why: "older_server" }],
    [
      "without a word on the organization is not one without",
      noOrganization,
      { type: "skip", why: "older_server" },
    ],
    [
      "of one that lives is skipped",
      { ...CONTEXT, session_id: "sess_1" },
      { type: "skip", why: "lives_already" },
    ],
  ])("%s", (_name, context, expected) => {
    expect(readContext(context)).toEqual(expected);
  });
});

let world: World;
beforeEach(async () => {
  world = new World();
  await world.town.start();
});
afterEach(() => world.close());

function mayorStart(more: Partial<StartRequest> = {}): StartRequest {
  const none = { rig: null, bead: null, branch: null, target: null, start_point: null, prompt: null };
  return world.start("", { role: "mayor", checkouts: [world.rig], ...none, ...more });
}

const log = (event: string) => world.logs.filter((one) => one.event === event);
const skipped = (): Promise<unknown> =>
  world.town.facts.until("the decision", () => log("mayor.not_prewarmed")[0]?.data);

describe("a runner that boots", () => {
  it("opens the mayor, whose first message meets the same process and session, its tools, its place and its name", async () => {
    const start = mayorStart({ agent: { id: CONTEXT.agent_id ?? "", name: "Mayor" } });
    world.town.launchContext = CONTEXT;
    world.town.prewarms = start;
    const own = join(world.root, "mayor", start.agent.id);
    expect(existsSync(own)).toBe(false);
    const control = new Control(await world.runner());
    await world.town.facts.until("an idle mayor", () =>
      world.town.heartbeats.at(-1)?.sessions.some(({ state }) => state === "idle"),
    );
    expect(world.town.prewarmed).toEqual(["v1"]);
    expect([...world.town.listed]).toEqual([start.session_id]);
    const { mayor_ready_at } = healthAnswer.parse((await control.get("/health")).body);
    expect(Date.parse(mayor_ready_at ?? "")).not.toBeNaN();

    // The town's own start of the same session arrives besides: it is the same one.
    expect((await control.post("/agents/start", start)).status).toBe(202);
    const seen = join(world.dir, "seen");
    const look = `pwd > ${seen}; git -C checkouts/app config user.name >> ${seen}; git -C checkouts/app config user.email >> ${seen}; echo $PPID >> ${seen}`;
    const message = {
      message_id: "m1",
      epoch: start.epoch,
      text: script({ steps: [{ run: look }, { call: { tool: "gt_list_rigs", args: {} } }] }),
      mode: "when_idle",
    };
    await control.post(`/agents/${start.session_id}/message`, message);
    await world.town.facts.until("its turn", () => world.town.turns.length > 0 || undefined);
    const [place, name, email, parent] = readFileSync(seen, "utf8").trim().split("\n");
    expect(place).toBe(own);
    expect([name, email]).toEqual([start.author.name, start.author.email]);
    expect(world.town.calls.map(({ tool, session }) => [tool, session])).toEqual([
      ["gt_prime", start.session_id],
      ["gt_list_rigs", start.session_id],
    ]);
    const started = log("agent.process_started");
    expect(started).toHaveLength(1);
    expect(started[0]?.data).toMatchObject({ pid: Number(parent) });
    const marked = execFileSync("bash", [
      "-c",
      `cat /proc/${parent}/environ | tr '\\0' '\\n' | grep -c GASTOWN_TOWN_ID`,
    ]);
    expect(String(marked).trim()).toBe("1");
  });

  it("opens nothing when the settings changed between its question and its wish", async () => {
    world.town.launchContext = CONTEXT;
    world.town.prewarms = null;
    await world.runner();
    expect(await skipped()).toEqual({ why: "not_wanted" });
    expect(log("agent.process_started")).toEqual([]);
    expect(world.town.heartbeats.every(({ sessions }) => sessions.length === 0)).toBe(true);
  });

  it("opens nothing without a mayor, and says in its health that none is ready", async () => {
    const control = new Control(await world.runner());
    expect(await skipped()).toEqual({ why: "no_mayor" });
    expect(healthAnswer.parse((await control.get("/health")).body)).not.toHaveProperty("mayor_ready_at");
    expect(world.town.prewarmed).toEqual([]);
  });

  it("asks for no second mayor where it resumes one", async () => {
    world.town.desired = [mayorStart()];
    world.town.launchContext = CONTEXT;
    world.town.prewarms = mayorStart();
    await world.runner();
    expect(world.town.prewarmed).toEqual([]);
    expect(log("agent.process_started")).toHaveLength(1);
  });

  it("is ready although the town does not answer about the mayor", async () => {
    world.town.down.add("mayor/");
    const control = new Control(await world.runner());
    expect((await control.get("/ready")).body).toMatchObject({ phase: "ready" });
    world.town.down.clear();
    expect(await skipped()).toEqual({ why: "no_mayor" });
  });
});
