/**
 * Work of a session that goes on, where the disk does not outlive the runner (spec/runner.md §5). The
 * failures: an hour's work that dies with its container, and a push every few minutes of nothing new.
 */
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { StartRequest } from "@gastown/protocol";
import { Control, git, script, World } from "../testing/harness.ts";
import { newId } from "../ulid.ts";

const EVERY_MS = 300_000;

let world: World;
let timers: { ms: number; fn: () => void }[];
beforeEach(async () => {
  world = new World();
  timers = [];
  const hook = join(world.remote, "hooks", "post-receive");
  writeFileSync(hook, `#!/bin/sh\ncat >> ${join(world.dir, "pushes")}\n`);
  chmodSync(hook, 0o755);
  await world.town.start();
});
afterEach(() => world.close());

const pushes = (): number => {
  const file = join(world.dir, "pushes");
  return existsSync(file) ? readFileSync(file, "utf8").trim().split("\n").length : 0;
};

async function boot(checkpointMs: number | null = EVERY_MS): Promise<Control> {
  const setTimer = (ms: number, fn: () => void) => {
    const timer = { ms, fn };
    timers.push(timer);
    world.town.facts.changed();
    return () => {
      timers = timers.filter((one) => one !== timer);
    };
  };
  const every = checkpointMs === null ? {} : { checkpointMs };
  return new Control(await world.runner({ ...every, setTimer }));
}

const armed = (): Promise<unknown> => world.town.facts.until("a timer", () => timers.length > 0);
const heard = (start: StartRequest, words: string): Promise<unknown> =>
  world.town.facts.until(words, () => world.town.said(start.session_id).includes(words));
const refOf = ({ session_id }: StartRequest): string => `refs/gastown/wip/${session_id}`;
const shows = (start: StartRequest, file: string): string =>
  git(world.remote, "show", `${refOf(start)}:${file}`);

/** Five minutes are over. Resolves when what they bring is done: the agent still works, so the timer is set again. */
async function due(): Promise<void> {
  await armed();
  const [timer] = timers.splice(0);
  expect(timer?.ms).toBe(EVERY_MS);
  timer?.fn();
  await world.town.facts.until("the next timer", () => timers.length > 0);
}

describe("a session that works for long", () => {
  it("has its work on the remote every five minutes, and pushes nothing when nothing has changed", async () => {
    const control = await boot();
    const go = join(world.dir, "go");
    const steps = [
      { write: { path: "a.txt", content: "one\n" } },
      { commit: { message: "One" } },
      { write: { path: "b.txt", content: "not committed\n" } },
      { say: "first part" },
      { wait_for: { file: go } },
      { write: { path: "a.txt", content: "two\n" } },
      { say: "second part" },
      "hang",
    ];
    const start = world.start(script({ steps }));
    await control.post("/agents/start", start);
    await heard(start, "first part");
    await due();
    expect([shows(start, "a.txt"), shows(start, "b.txt")]).toEqual(["one", "not committed"]);
    await world.town.facts.until("the town to know", () => world.town.saved.length > 0);
    expect(world.town.saved).toEqual([
      { session: start.session_id, epoch: start.epoch, work_ref: refOf(start) },
    ]);
    expect(pushes()).toBe(1);

    await due();
    await due();
    expect(pushes()).toBe(1);

    writeFileSync(go, "");
    await heard(start, "second part");
    await due();
    expect(shows(start, "a.txt")).toBe("two");
    expect(pushes()).toBe(2);
    expect(world.town.saved).toHaveLength(1);
  });

  it("goes on from there in a runner that begins on an empty disk", async () => {
    const control = await boot();
    const start = world.start(
      script({ steps: [{ write: { path: "half.txt", content: "half\n" } }, { say: "half" }, "hang"] }),
    );
    await control.post("/agents/start", start);
    await heard(start, "half");
    await due();
    world.rewrite(
      start,
      script({ steps: [{ run: `cp half.txt ${join(world.dir, "seen")}` }, { say: "went on" }, "hang"] }),
    );
    world.town.desired = [{ ...start, start_point: refOf(start) }];
    await world.runner({ root: join(world.dir, "other-disk") });
    await heard(start, "went on");
    expect(readFileSync(join(world.dir, "seen"), "utf8")).toBe("half\n");
  });

  it("has no timer before it works, and none after its end", async () => {
    const control = await boot();
    const none = { rig: null, bead: null, branch: null, target: null, start_point: null, prompt: null };
    await control.post("/agents/start", world.start("", { role: "mayor", ...none }));
    await world.town.facts.until("an idle mayor", () =>
      world.town.heartbeats.at(-1)?.sessions.some(({ state }) => state === "idle"),
    );
    expect(timers).toEqual([]);
    const start = world.start(script({ steps: [{ say: "at work" }, "hang"] }));
    await control.post("/agents/start", start);
    await armed();
    await control.post(`/agents/${start.session_id}/stop`, { epoch: start.epoch, mode: "now" });
    await world.town.endOf(start.session_id);
    expect(timers).toEqual([]);
  });

  it("is left alone where the disk outlives the runner", async () => {
    const control = await boot(null);
    const start = world.start(script({ steps: [{ say: "at work" }, "hang"] }));
    await control.post("/agents/start", start);
    await heard(start, "at work");
    expect(timers).toEqual([]);
  });
});

describe("work that is asked for", () => {
  it("is saved once per effect, the session goes on, and another epoch is refused", async () => {
    const control = await boot();
    const start = world.start(
      script({ steps: [{ write: { path: "a.txt", content: "x\n" } }, { say: "written" }, "hang"] }),
    );
    await control.post("/agents/start", start);
    await heard(start, "written");
    const effect_id = newId("effect");
    const body = { effect_id, attempt: 1, session_id: start.session_id, epoch: start.epoch };
    expect((await control.post("/git/save-work", { ...body, epoch: start.epoch + 1 })).status).toBe(409);
    expect((await control.post("/git/save-work", { ...body, session_id: newId("session") })).status).toBe(
      404,
    );
    for (let i = 0; i < 2; i++) expect((await control.post("/git/save-work", body)).status).toBe(202);
    const done = await world.town.facts.until("its result", () => world.town.effects[0]);
    expect(done).toMatchObject({
      effect: effect_id,
      result: { outcome: "work_saved", work_ref: refOf(start) },
    });
    expect(shows(start, "a.txt")).toBe("x");
    expect((await control.get(`/agents/${start.session_id}/status`)).body).toMatchObject({ state: "busy" });
    expect(pushes()).toBe(1);
  });
});

describe("the transcript of a session", () => {
  it("is told from a cursor, in pages, and says when what was asked for is not kept", async () => {
    const control = await boot();
    const start = world.start(script({ steps: [{ say: "one" }, { run: "true" }, { say: "two" }] }));
    await control.post("/agents/start", start);
    await heard(start, "two");
    const path = `/agents/${start.session_id}/events`;
    const all: { seq: number }[] = [];
    for (let after = 0; ;) {
      const { status, body } = await control.get(`${path}?after=${after}&limit=2`);
      expect(status).toBe(200);
      const page = body as { items: { seq: number }[]; next_after: number; live: boolean };
      if (page.items.length === 0) break;
      all.push(...page.items);
      after = page.next_after;
    }
    const shipped = world.town.itemsOf(start.session_id);
    expect(all.slice(0, shipped.length)).toEqual(shipped);
    expect(all.map(({ seq }) => seq)).toEqual(all.map((_item, i) => i + 1));
    expect((await control.get(`${path}?after=x`)).status).toBe(400);
    expect((await control.get(`/agents/${newId("session")}/events`)).status).toBe(404);
  });
});
