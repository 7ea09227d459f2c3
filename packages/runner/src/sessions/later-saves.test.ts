/**
 * Work whose remote was away when its session ended (spec/runner.md §5 "repeated until it succeeds"). The
 * failures: it stays on this disk until somebody happens to start there, the town never hears where it is,
 * two saves of one directory at the same time, a runner that keeps trying after its end.
 */
import { renameSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { SessionEnded, StartRequest } from "@gastown/protocol";
import type { MakeGit } from "../boot/parts.ts";
import type { Runner } from "../boot/start-runner.ts";
import { createGitWorkspace } from "../git/index.ts";
import { Control, git, script, World } from "../testing/harness.ts";

let world: World;
let runner: Runner;
let control: Control;
let timers: { ms: number; fn: () => void }[];
beforeEach(async () => {
  world = new World();
  timers = [];
  await world.town.start();
});
afterEach(() => world.close());

async function boot(makeGit?: MakeGit): Promise<void> {
  const setTimer = (ms: number, fn: () => void) => {
    const timer = { ms, fn };
    timers.push(timer);
    world.town.facts.changed();
    return () => {
      timers = timers.filter((one) => one !== timer);
    };
  };
  runner = await world.booting({ setTimer, cancelMs: 300, lastMs: 2_000 }, makeGit);
  await runner.ready;
  control = new Control(runner);
}

const away = (): void => renameSync(world.remote, `${world.remote}.away`);
const back = (): void => renameSync(`${world.remote}.away`, world.remote);
const wip = (): string => git(world.remote, "for-each-ref", "--format=%(refname)", "refs/gastown/wip");
const refOf = ({ session_id }: StartRequest): string => `refs/gastown/wip/${session_id}`;
const endsOf = ({ session_id }: StartRequest): SessionEnded[] =>
  world.town.ended.filter(({ session }) => session === session_id);
const armed = (ms: number): Promise<unknown> =>
  world.town.facts.until(`a timer of ${ms} ms`, () => timers.some((timer) => timer.ms === ms));

/** Its time has come. */
function due(): void {
  for (const { fn } of timers.splice(0)) fn();
}

/** A session that ends while its remote is away: its first try again is armed. */
async function unsaved(): Promise<StartRequest> {
  const steps = [{ write: { path: "half.txt", content: "half\n" } }, { say: "half" }, "hang"];
  const start = world.start(script({ steps }));
  await control.post("/agents/start", start);
  await world.town.facts.until("its file", () => world.town.said(start.session_id).includes("half"));
  away();
  await control.post(`/agents/${start.session_id}/stop`, { epoch: start.epoch, mode: "now" });
  const ended = await world.town.endOf(start.session_id);
  expect(ended.work_ref).toBeNull();
  expect(ended.reason.message).toContain("Its work is not on the remote");
  await armed(30_000);
  return start;
}

describe("work whose remote is away for a while", () => {
  it("is tried again with growing pauses, and the town is told where it is, without any start or boot", async () => {
    await boot();
    const start = await unsaved();
    due();
    await armed(60_000);
    due();
    await armed(120_000);
    expect(endsOf(start)).toHaveLength(1);
    back();
    due();
    await world.town.facts.until("the town to know", () => endsOf(start).length === 2);
    expect(endsOf(start)[1]).toMatchObject({ epoch: start.epoch, work_ref: refOf(start) });
    expect(git(world.remote, "show", `${refOf(start)}:half.txt`)).toBe("half");
    await world.town.facts.until("its record", () =>
      world.logs.some(({ event }) => event === "session.saved_later"),
    );
    expect(timers).toEqual([]);
    runner.drain("host", 0);
    expect(await runner.exit).toMatchObject({ code: 0, unsaved: [] });
  });

  it("that a boot could not save either is tried again there", async () => {
    await boot();
    const start = await unsaved();
    runner.drain("host", 0);
    expect(await runner.exit).toMatchObject({ code: 1, unsaved: [start.session_id] });
    expect(timers).toEqual([]);
    await boot();
    await armed(30_000);
    back();
    due();
    await world.town.facts.until("the town to know", () => endsOf(start).length === 2);
    expect(endsOf(start)[1]?.work_ref).toBe(refOf(start));
  });

  it("is tried once more by a drain, which says what it could save", async () => {
    await boot();
    const start = await unsaved();
    back();
    runner.drain("sigterm", 60_000);
    expect(await runner.exit).toEqual({ code: 0, reason: "drained", unsaved: [] });
    expect(wip()).toBe(refOf(start));
    expect(endsOf(start)[1]?.work_ref).toBe(refOf(start));
    expect(timers).toEqual([]);
  });

  it("does not keep a drain whose remote never answers, and is left to the next runner", async () => {
    let hangs = false;
    await boot((options) => {
      const real = createGitWorkspace(options);
      return { ...real, saveWork: (o) => (hangs ? new Promise(() => undefined) : real.saveWork(o)) };
    });
    const start = await unsaved();
    hangs = true;
    runner.hurry("sigterm");
    expect(await runner.exit).toEqual({ code: 1, reason: "drained", unsaved: [start.session_id] });
  }, 60_000);
});

describe("the next session in that directory", () => {
  it("saves first, by itself, and ends a try that is under way: one at a time", async () => {
    let atOnce = 0;
    let most = 0;
    let slow = false;
    const trying = Promise.withResolvers<undefined>();
    await boot((options) => {
      const real = createGitWorkspace(options);
      return {
        ...real,
        saveWork: async (o) => {
          atOnce += 1;
          most = Math.max(most, atOnce);
          try {
            if (!slow) return await real.saveWork(o);
            slow = false;
            trying.resolve(undefined);
            return await new Promise((_done, fail) => {
              o.signal.addEventListener("abort", () => fail(o.signal.reason), { once: true });
            });
          } finally {
            atOnce -= 1;
          }
        },
      };
    });
    const first = await unsaved();
    back();
    slow = true;
    due();
    await trying.promise;
    const next = world.start(script({ steps: [{ say: "mine" }, "hang"] }), { agent: first.agent });
    await control.post("/agents/start", next);
    await world.town.facts.until("its turn", () => world.town.said(next.session_id).includes("mine"));
    expect(endsOf(first)[1]?.work_ref).toBe(refOf(first));
    expect(git(world.remote, "show", `${refOf(first)}:half.txt`)).toBe("half");
    expect(most).toBe(1);
    expect(timers.filter(({ ms }) => ms === 60_000)).toEqual([]);
  });

  it("is refused while the remote is away, told until when, and the tries go on", async () => {
    await boot();
    const first = await unsaved();
    const before = Date.now();
    const next = world.start(script({ steps: [{ say: "mine" }, "hang"] }), { agent: first.agent });
    await control.post("/agents/start", next);
    const { outcome, reason } = await world.town.endOf(next.session_id);
    expect([outcome, reason.code]).toEqual(["refused", "work_unsaved"]);
    expect(reason.message).toContain(first.session_id);
    expect(reason.until).toBeGreaterThanOrEqual(before + 60_000);
    await armed(60_000);
    back();
    due();
    await world.town.facts.until("the town to know", () => endsOf(first).length === 2);
    expect(endsOf(first)[1]?.work_ref).toBe(refOf(first));
  });
});
