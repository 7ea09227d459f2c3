/**
 * Boot never blocks work (spec/runner.md §2). The failures: starts that queue behind a resume until
 * their caller gives up, a token that is refreshed for nobody, a session that is resumed twice, one
 * bad resume that takes the others with it, a town that cannot be read yet.
 */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { StartRequest } from "@gastown/protocol";
import { createGitWorkspace } from "../git/index.ts";
import { Control, git, script, World } from "../testing/harness.ts";
import { SpawnedRunner } from "../testing/spawn-runner.ts";
import type { MakeGit } from "./parts.ts";
import type { Runner } from "./start-runner.ts";

/** For what takes a second: a machine with much else to do is slow, and not wrong. */
const LIMIT_MS = 300_000;
/** Boot takes far longer on such a machine; an answer that waited for it would show. */
const ANSWER_MS = 30_000;

let world: World;
let control: Control;
beforeEach(async () => {
  world = new World();
  await world.town.start();
  world.settleOnDone(() => control);
});
afterEach(() => world.close());

async function boot(more: Parameters<World["booting"]>[0] = {}, makeGit?: MakeGit): Promise<Runner> {
  const runner = await world.booting(more, makeGit);
  control = new Control(runner);
  return runner;
}

/** Git that never finishes preparing the directories of these agents; only an abort ends it. */
function gitThatHoldsOpen(held: ReadonlySet<string>): MakeGit {
  return (options) => {
    const real = createGitWorkspace(options);
    return {
      ...real,
      prepareWorktree: (prepare) => {
        if (!held.has(prepare.slot)) return real.prepareWorktree(prepare);
        return new Promise((_done, fail) => {
          prepare.signal.addEventListener("abort", () => fail(prepare.signal.reason), { once: true });
        });
      },
    };
  };
}

const work = (name: string): string =>
  script({ steps: [{ write: { path: `${name}.txt`, content: "x\n" } }] });
const prompts = (start: StartRequest): number =>
  world.town.calls.filter(({ session, tool }) => session === start.session_id && tool === "gt_prime").length;
const prompted = (start: StartRequest): Promise<boolean> =>
  world.town.facts.until(`the prompt of ${start.session_id}`, () => prompts(start) > 0, LIMIT_MS);
const itemsText = ({ session_id }: StartRequest): string => JSON.stringify(world.town.itemsOf(session_id));
const tokenOf = (call: string): string | undefined =>
  world.town.credentials.findLast((one) => one.call === call)?.token;

describe("a resume that is held open for ever", () => {
  let held: StartRequest;
  beforeEach(async () => {
    held = world.start(work("held"));
    world.town.desired = [held];
    await boot({}, gitThatHoldsOpen(new Set([held.agent.id])));
    await world.town.facts.until("the resume", () =>
      world.town.heartbeats.some(({ sessions }) => sessions.some(({ state }) => state === "provisioning")),
    );
  });
  /** To the end of each test it is what it was: nothing waited for its end. */
  async function isHeldStill(): Promise<boolean> {
    const { body } = await control.get("/ready");
    expect(body).toEqual({ phase: "resuming", done: 0, total: 1 });
    return !world.town.ended.some(({ session }) => session === held.session_id);
  }

  it("does not keep a fresh start from its prompt and its end", async () => {
    const fresh = world.start(work("fresh"));
    expect(await control.post("/agents/start", fresh)).toMatchObject({ status: 202 });
    expect(await world.town.endOf(fresh.session_id)).toMatchObject({ reason: { code: "settled" } });
    expect(prompts(held)).toBe(0);
    expect(await isHeldStill()).toBe(true);
  });

  it("does not keep a refreshed token waiting, and every later step uses that one", async () => {
    expect(await control.post("/refresh-token", { token: "pushed-token" })).toEqual({
      status: 200,
      body: { refreshed: true },
    });
    const fresh = world.start(work("fresh"));
    const before = world.town.credentials.length;
    await control.post("/agents/start", fresh);
    await world.town.endOf(fresh.session_id);
    const later = world.town.credentials.slice(before);
    expect(new Set(later.map(({ token }) => token))).toEqual(new Set(["pushed-token"]));
    expect(new Set(later.map(({ call }) => call))).toEqual(
      new Set(["status", "events", "heartbeat", "settle", "ended"]),
    );
    expect(world.town.registrations).toHaveLength(1);
    expect(await isHeldStill()).toBe(true);
  });

  it("does not keep another session from its new model, which its next turn has", async () => {
    const mayor = world.start("", { role: "mayor", rig: null, bead: null, prompt: null, branch: null });
    await control.post("/agents/start", mayor);
    await world.town.facts.until("an idle mayor", () =>
      world.town.heartbeats.at(-1)?.sessions.some(({ state }) => state === "idle"),
    );
    const path = `/agents/${mayor.session_id}`;
    const { epoch } = mayor;
    expect(await control.call("PATCH", `${path}/model`, { epoch, model: "big-one" })).toEqual({
      status: 200,
      body: { applied: "live" },
    });
    const text = script({ steps: [{ run: 'echo "with $SCRIPTED_MODEL"' }] });
    await control.post(`${path}/message`, { message_id: "m1", epoch, text, mode: "when_idle" });
    await world.town.facts.until("its turn", () => world.town.turns.length > 0);
    await world.town.facts.until("its words", () => itemsText(mayor).includes("with big-one"));
    expect(await isHeldStill()).toBe(true);
  });

  it("lets what concerns it wait for it alone: a settle and a message are taken at once", async () => {
    const epoch = world.town.heartbeats.at(-1)?.sessions[0]?.epoch ?? 0;
    const path = `/agents/${held.session_id}`;
    const settle_id = `settle_${"3".repeat(26)}`;
    const settle = { settle_id, epoch, no_changes: false, message: "x" };
    expect((await control.post(`${path}/settle`, settle)).status).toBe(202);
    const message = { message_id: "msg_1", epoch, text: "hello", mode: "when_idle" };
    expect((await control.post(`${path}/message`, message)).status).toBe(202);
    expect(world.town.settles).toEqual([]);
    expect((await control.get(`${path}/status`)).body).toMatchObject({ state: "provisioning" });
    expect(await isHeldStill()).toBe(true);
  });
});

describe("a boot of forty sessions", () => {
  it(
    "prompts each once, the mayor and a fresh start before the many",
    { timeout: 2 * LIMIT_MS },
    async () => {
      const mayor = world.start("", { role: "mayor", rig: null, bead: null, prompt: null, branch: null });
      const many = Array.from({ length: 39 }, (_, i) => world.start(work(`many-${i}`)));
      world.town.desired = [mayor, ...many];
      const runner = await boot();
      const fresh = world.start(work("fresh"));
      const slowest = askOverAndOver(runner);
      expect((await control.post("/agents/start", fresh)).status).toBe(202);
      await prompted(fresh);
      expect(many.filter((start) => prompts(start) > 0).length).toBeLessThan(20);
      await runner.ready;
      expect((await control.get("/ready")).body).toEqual({ phase: "ready", done: 40, total: 40 });
      for (const start of many) await world.town.endOf(start.session_id, LIMIT_MS);
      expect(many.map((start) => prompts(start))).toEqual(many.map(() => 1));
      expect(await slowest()).toBeLessThan(ANSWER_MS);
    },
  );

  /** Asks for its health, one request after the other; the answer is the longest of them (ms). */
  function askOverAndOver(runner: Runner): () => Promise<number> {
    const over = new AbortController();
    const asking = (async () => {
      const one = new Control(runner);
      let longest = 0;
      while (!over.signal.aborted) {
        const began = performance.now();
        await one.get("/health");
        longest = Math.max(longest, performance.now() - began);
      }
      return longest;
    })();
    return () => {
      over.abort();
      return asking;
    };
  }
});

describe("boot called twice at once", () => {
  it("registers once and resumes each session once", async () => {
    const starts = [world.start(work("a")), world.start(work("b"))];
    world.town.desired = starts;
    const runner = await boot();
    await Promise.all([runner.boot(), runner.boot()]);
    for (const start of starts) await world.town.endOf(start.session_id);
    expect(world.town.registrations).toHaveLength(1);
    expect(starts.map((start) => prompts(start))).toEqual([1, 1]);
    expect((await control.get("/ready")).body).toEqual({ phase: "ready", done: 2, total: 2 });
  });

  it("starts a session once that is resumed and started at the same time", async () => {
    const start = world.start(work("a"));
    world.town.desired = [start];
    const taken = Promise.withResolvers<undefined>();
    world.town.onRegister = () => taken.promise;
    await boot();
    await world.town.facts.until("the registration", () => world.town.registrations.length > 0);
    // The town's own start of that session, with the epoch that the answer carries, overtakes it.
    const early = { ...start, epoch: world.town.epoch + 1, resume: true };
    expect((await control.post("/agents/start", early)).status).toBe(202);
    taken.resolve(undefined);
    await world.town.endOf(start.session_id);
    expect(prompts(start)).toBe(1);
  });
});

describe("a resume that fails", () => {
  it("is reported for that session with phase and action, and the others go on", async () => {
    const bad = world.start("", { runtime: "kilo" });
    const lost = world.start("", { start_point: "refs/heads/gone", resume: true });
    const good = world.start(work("good"));
    world.town.desired = [bad, lost, good];
    const runner = await boot({ hostEnv: { PATH: "/nonexistent", HOME: world.dir } });
    await runner.ready;
    expect(await world.town.endOf(bad.session_id)).toMatchObject({
      outcome: "refused",
      reason: { code: "runtime_missing", phase: "process", action: expect.stringContaining("npm install") },
    });
    expect(await world.town.endOf(lost.session_id)).toMatchObject({
      outcome: "refused",
      reason: { code: "missing_start_point", phase: "repository" },
    });
    expect(await world.town.endOf(good.session_id)).toMatchObject({ reason: { code: "settled" } });
    expect((await control.get("/ready")).body).toEqual({ phase: "ready", done: 3, total: 3 });
  });
});

describe("a town that cannot be read at boot", () => {
  it("is asked again, and the control server answers meanwhile", async () => {
    world.town.down.add("runner/register");
    const start = world.start(work("a"));
    world.town.desired = [start];
    const runner = await boot();
    await world.town.facts.until("two tries", () => delays() >= 2);
    expect((await control.get("/health")).body).toMatchObject({ status: "ok", sessions: 0 });
    expect((await control.get("/ready")).body).toEqual({ phase: "booting", done: 0, total: 0 });
    world.town.down.clear();
    await runner.ready;
    expect(await world.town.endOf(start.session_id)).toMatchObject({ reason: { code: "settled" } });
  });

  it("does not lose a start that came before its answer, nor take its directory for a leftover", async () => {
    const before = new SpawnedRunner(world);
    control = await before.ready();
    const first = world.start(
      script({ steps: [{ write: { path: "half.txt", content: "half\n" } }, { say: "written" }, "hang"] }),
    );
    await control.post("/agents/start", first);
    await world.town.facts.until("its file", () => world.town.said(first.session_id).includes("written"));
    await before.kill();

    const answer = Promise.withResolvers<undefined>();
    world.town.onRegister = () => answer.promise;
    const runner = await boot();
    await world.town.facts.until("the registration", () => world.town.registrations.length > 1);
    await control.post("/refresh-token", { token: "pushed-token" });
    const steps = [{ write: { path: "new.txt", content: "new\n" } }, { say: "new" }, "hang"];
    const fresh = world.start(script({ steps }), { agent: first.agent });
    expect((await control.post("/agents/start", fresh)).status).toBe(202);
    await world.town.facts.until("its file", () => world.town.said(fresh.session_id).includes("new"));
    answer.resolve(undefined);
    await runner.ready;
    expect(world.town.ended.filter(({ session }) => session === fresh.session_id)).toEqual([]);
    const refs = git(world.remote, "for-each-ref", "--format=%(refname)", "refs/gastown/wip");
    expect(refs).toBe(`refs/gastown/wip/${first.session_id}`);
  });

  it("is registered with again when only its answer was lost", async () => {
    const start = world.start(work("a"));
    world.town.desired = [start];
    let lost = 0;
    world.town.onRegister = () => {
      lost += 1;
      return Promise.resolve(lost === 1 ? new Response("cut", { status: 502 }) : undefined);
    };
    const runner = await boot();
    await runner.ready;
    expect(await world.town.endOf(start.session_id)).toMatchObject({ reason: { code: "settled" } });
    expect(world.town.registrations).toHaveLength(2);
    expect(prompts(start)).toBe(1);
  });
});

describe("a refreshed token", () => {
  it("that was pushed while the registration's answer was on its way is the one that counts", async () => {
    const answer = Promise.withResolvers<undefined>();
    world.town.onRegister = () => answer.promise;
    const runner = await boot();
    await world.town.facts.until("the registration", () => world.town.registrations.length > 0);
    await control.post("/refresh-token", { token: "pushed-token" });
    answer.resolve(undefined);
    await runner.ready;
    expect(tokenOf("heartbeat")).toBe("pushed-token");
  });

  it("gives way to the one before it where the town does not take it yet, and restarts nothing", async () => {
    const runner = await boot();
    await runner.ready;
    const start = world.start(script({ steps: [{ wait_for: { file: "go" } }] }));
    await control.post("/agents/start", start);
    await prompted(start);
    const processes = (): number =>
      world.logs.filter(({ event }) => event === "agent.process_started").length;
    const before = processes();
    world.town.refusedTokens.add("too-early");
    await control.post("/refresh-token", { token: "too-early" });
    const beats = world.town.heartbeats.length;
    await world.town.facts.until("two heartbeats", () => world.town.heartbeats.length >= beats + 2);
    expect(tokenOf("heartbeat")).toMatch(/^runner-token-/);
    world.town.refusedTokens.clear();
    await world.town.facts.until("the new one", () => tokenOf("heartbeat") === "too-early");
    expect((await control.get(`/agents/${start.session_id}/status`)).body).toMatchObject({ state: "busy" });
    expect(processes()).toBe(before);
  });
});

/** How often a registration was put off. */
function delays(): number {
  return world.logs.filter(({ event }) => event === "register.delayed").length;
}
