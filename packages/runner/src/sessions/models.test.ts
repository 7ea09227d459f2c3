/** A model that does not answer for now: its sessions wait, nobody runs into it again, and all go on. */
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { HeartbeatSession, StartRequest } from "@gastown/protocol";
import { Control, script, World } from "../testing/harness.ts";
import { newId } from "../ulid.ts";

let world: World;
let control: Control;
/** The model does not answer while this file exists. */
let limit: string;
beforeEach(async () => {
  world = new World();
  await world.town.start();
  limit = join(world.dir, "limit");
  writeFileSync(limit, "");
});
afterEach(() => world.close());

async function boot(more: Parameters<World["runner"]>[0] = {}): Promise<void> {
  control = new Control(await world.runner(more));
  world.settleOnDone(() => control);
}

const write = (name: string) => ({ write: { path: `${name}.txt`, content: `${name}\n` } });
const refused = (more: object = {}) => ({ model_error: { while: limit, ...more } });
const start = (body: StartRequest) => control.post("/agents/start", body);

function turns({ session_id: id }: StartRequest): unknown[] {
  const items = world.town.itemsOf(id).filter(({ type }) => type === "turn");
  return items.filter(({ data }) => data["phase"] === "started").map(({ data }) => data["text"]);
}

function beats({ session_id: id }: StartRequest): HeartbeatSession[] {
  return world.town.heartbeats.flatMap(({ sessions }) =>
    sessions.filter(({ session_id }) => session_id === id),
  );
}

const waits = (of: StartRequest): Promise<HeartbeatSession> =>
  world.town.facts.until(`${of.session_id} to wait for its model`, () =>
    beats(of).find(({ waiting_for_model }) => waiting_for_model !== undefined),
  );

describe("a session whose model is limited", () => {
  it("waits, says so with the provider's time, and repeats its turn", async () => {
    await boot();
    const one = world.start(
      script({
        steps: [{ model_error: { times: 2, text: "429 rate limit. Please try again in 1.2s." } }, write("a")],
      }),
    );
    await start(one);
    const ended = await world.town.endOf(one.session_id);
    expect(ended).toMatchObject({ outcome: "completed", reason: { code: "settled" } });
    const { state, waiting_for_model: wait, last_event_at } = await waits(one);
    expect(state).toBe("idle");
    expect(wait).toMatchObject({
      message: expect.stringContaining("rate limit"),
      provider: "Scripted agent",
    });
    expect(wait?.until ?? 0).toBeGreaterThan(last_event_at ?? 0);
    expect(beats(one).at(-1)?.waiting_for_model).toBeUndefined();
    expect(turns(one)).toEqual(["Do your bead.", "Do your bead.", "Do your bead."]);
    const notices = world.town.itemsOf(one.session_id).filter(({ type }) => type === "notice");
    expect(notices).toHaveLength(2);
    expect(notices[0]?.data["text"]).toMatch(/^Waiting for Scripted agent until \d{4}-.*rate limit/);
  });

  it("in the middle of a turn is told, when it goes on, what it was doing", async () => {
    await boot();
    const one = world.start(
      script({ steps: [{ say: "I begin" }, { model_error: { times: 1 } }, write("a")] }),
    );
    await start(one);
    expect(await world.town.endOf(one.session_id)).toMatchObject({ outcome: "completed" });
    const [first, second, ...more] = turns(one);
    expect(first).toBe("Do your bead.");
    expect(second).toMatch(/^Your last turn was cut off.*\n\nDo your bead\.$/s);
    expect(more).toEqual([]);
  });

  it("whose model is silent waits as well, and its agent lives on", async () => {
    await boot({ quietMs: 1_500, minuteMs: 600 });
    const one = world.start(script({ steps: [{ model_error: { times: 1, how: "silent" } }, write("a")] }));
    await start(one);
    expect(await world.town.endOf(one.session_id)).toMatchObject({ outcome: "completed" });
    expect((await waits(one)).waiting_for_model?.message).toContain("nothing came from its model");
    expect(world.logs.filter(({ event }) => event === "agent.process_started")).toHaveLength(1);
  });

  it("keeps what was said to it until it goes on, what is urgent first", async () => {
    await boot();
    const mayor = world.start("", { role: "mayor", rig: null, bead: null, prompt: null, branch: null });
    await start(mayor);
    const message = (id: string, text: string, mode: "when_idle" | "now") =>
      control.post(`/agents/${mayor.session_id}/message`, { message_id: id, epoch: mayor.epoch, text, mode });
    await message("m1", script({ steps: [refused(), { say: "one" }] }), "when_idle");
    await waits(mayor);
    const nudge = {
      nudge_id: newId("nudge"),
      text: "nudge",
      mode: "now" as const,
      urgent: true,
      source: "you",
    };
    world.town.nudges.set(mayor.session_id, [nudge]);
    await control.post(`/agents/${mayor.session_id}/poke`, { epoch: mayor.epoch });
    await message("m2", script({ steps: [{ say: "two" }] }), "when_idle");
    await message("m3", script({ steps: [{ say: "three" }] }), "now");
    expect(world.town.claims).toEqual([]);
    expect(world.town.turns).toEqual([]);
    rmSync(limit);
    const over = () => world.town.turns.map(({ message_id }) => message_id);
    await world.town.facts.until("all turns", () => over().includes("m2") && world.town.shown.length === 1);
    expect(over().filter((id) => id !== null)).toEqual(["m3", "m1", "m2"]);
  });

  it("gives a turn up that a person interrupts meanwhile, and waits for nothing then", async () => {
    await boot();
    const mayor = world.start("", { role: "mayor", rig: null, bead: null, prompt: null, branch: null });
    await start(mayor);
    const text = script({ steps: [refused()] });
    const path = `/agents/${mayor.session_id}`;
    await control.post(`${path}/message`, { message_id: "m1", epoch: mayor.epoch, text, mode: "when_idle" });
    await waits(mayor);
    await control.post(`${path}/interrupt`, { epoch: mayor.epoch });
    const turn = await world.town.facts.until("the turn's end", () => world.town.turns[0]);
    expect(turn).toMatchObject({ message_id: "m1", stop_reason: "cancelled" });
    await world.town.facts.until("no wait", () => beats(mayor).at(-1)?.waiting_for_model === undefined);
  });

  it("does not wait for ever: it is evicted with its work saved, and is no failure", async () => {
    await boot({ minuteMs: 40 });
    const one = world.start(script({ steps: [write("half"), refused()] }));
    await start(one);
    const ended = await world.town.endOf(one.session_id);
    expect(ended).toMatchObject({ outcome: "evicted", reason: { code: "model_unavailable" } });
    expect(ended.reason.message).toContain("waited for its model for 60 min");
    expect(ended.reason.provider).toEqual({
      key: expect.stringMatching(/^scripted /),
      name: "Scripted agent",
    });
    expect(ended.work_ref).toMatch(/^refs\/gastown\/wip\//);
  });
});

describe("starts while a model does not answer", () => {
  it("are refused with a time, but for one that tries, and accepted again when that was answered", async () => {
    await boot();
    const first = world.start(script({ steps: [refused({ text: "429, retry after 2s" }), write("a")] }));
    await start(first);
    const wait = (await waits(first)).waiting_for_model;
    const second = world.start(script({ steps: [write("b")] }));
    const answer = await start(second);
    expect(answer.status).toBe(503);
    expect(answer.body).toMatchObject({
      error: {
        code: "model_unavailable",
        message: expect.stringContaining("429"),
        details: { until: wait?.until, action: expect.stringContaining("default_model") },
      },
    });
    // Another key is another limit.
    const other = world.start(script({ steps: [write("c")] }), {
      settings: { ...first.settings, env: { SCRIPTED_PLAYBOOK: join(world.dir, "none") } },
    });
    expect((await start(other)).status).toBe(202);
    rmSync(limit);
    expect(await world.town.endOf(first.session_id)).toMatchObject({ outcome: "completed" });
    expect((await start(second)).status).toBe(202);
    expect(await world.town.endOf(second.session_id)).toMatchObject({ outcome: "completed" });
  });

  it("do not keep a mayor from opening, nor a session from being resumed", async () => {
    await boot();
    const first = world.start(script({ steps: [refused({ text: "429, retry after 60s" })] }));
    await start(first);
    await waits(first);
    const mayor = world.start("", { role: "mayor", rig: null, bead: null, prompt: null, branch: null });
    expect((await start(mayor)).status).toBe(202);
    const resumed = world.start(script({ steps: [write("b")] }), { resume: true });
    expect((await start(resumed)).status).toBe(202);
    expect((await waits(resumed)).prompted).toBe(false);
  });
});

describe("settings that change while a session waits for its model", () => {
  it("let it go on at once where they name another provider", async () => {
    await boot();
    const one = world.start(
      script({ steps: [{ model_error: { times: 1, text: "429, retry after 600s" } }, write("a")] }),
      { model: "first/model" },
    );
    await start(one);
    expect((await waits(one)).waiting_for_model?.provider).toBe("first");
    await control.call("PATCH", `/agents/${one.session_id}/model`, {
      epoch: one.epoch,
      model: "second/model",
    });
    expect(await world.town.endOf(one.session_id)).toMatchObject({ outcome: "completed" });
  });
});
