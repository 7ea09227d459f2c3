/** The actor alone, over a town that a test scripts: order, coalescing, wakes, effects, closing. */
import type { ClaimedEffect, EffectAnswer, Fact, Town } from "@gastown/town";
import { describe, expect, it } from "vitest";
import { openTownActor, type PerformEffect, type TownActor } from "../index.ts";
import { testPorts, type TestPorts } from "../testing/ports.ts";

interface Scripted {
  town: Town;
  log: string[];
  facts: Fact[];
  due: ClaimedEffect[];
  next: number | null;
  fail: boolean;
}

/** Just the part of a town that an actor touches by itself. */
function scripted(): Scripted {
  const script: Scripted = { town: {} as Town, log: [], facts: [], due: [], next: null, fail: false };
  const part = {
    id: "town_1",
    tick() {
      script.log.push("tick");
      if (script.fail) throw new Error("broken tick");
      return { applied: 0, ran: 0, effectsDue: script.due.length, nextWakeAt: script.next };
    },
    nextWakeAt: () => script.next,
    claimEffects: () => script.due.splice(0),
    post: (fact: Fact) => {
      script.log.push("post");
      script.facts.push(fact);
    },
    newestSeq: () => 0,
  };
  script.town = part as unknown as Town;
  return script;
}

const effect = (id: string, deadline: number): ClaimedEffect => ({
  id,
  attempt: 1,
  deadline,
  request: { kind: "ensure_runner" },
});
const settle = (): Promise<void> => new Promise((resolve) => queueMicrotask(() => queueMicrotask(resolve)));

interface Opened {
  actor: TownActor;
  script: Scripted;
  ports: TestPorts;
  wakes: (number | null)[];
}

async function open(
  perform: PerformEffect,
  prepare?: (script: Scripted) => void,
  beforeWrite: () => void = () => {},
): Promise<Opened> {
  const ports = await testPorts();
  const script = scripted();
  prepare?.(script);
  const wakes: (number | null)[] = [];
  const actor = openTownActor({
    ...ports,
    town: script.town,
    perform,
    onBeforeWrite: () => {
      beforeWrite();
      script.log.push("mark");
    },
    onNextWake: (at) => void wakes.push(at),
    durably(fn) {
      script.log.push("durably");
      return fn();
    },
  });
  return { actor, script, ports, wakes };
}
const never: PerformEffect = () => Promise.reject(new Error("not expected"));

describe("commands", () => {
  it("that come together share one tick, which follows at once", async () => {
    const { actor, script, wakes } = await open(never);
    await settle();
    script.log.length = 0;
    expect(actor.run(() => 1)).toBe(1);
    actor.run(() => 2);
    expect(script.log).toEqual(["mark"]);
    await settle();
    expect(script.log).toEqual(["mark", "tick"]);
    expect(wakes).toEqual([null, null]);
  });

  it("mark the wake before their first commit, and anew after each tick", async () => {
    const { actor, script } = await open(never);
    await settle();
    script.log.length = 0;
    actor.run(() => void script.log.push("write"));
    await settle();
    actor.run(() => void script.log.push("write"));
    await settle();
    expect(script.log).toEqual(["mark", "write", "tick", "mark", "write", "tick"]);
  });

  it("that throw still tick, and reading never does", async () => {
    const { actor, script } = await open(never);
    await settle();
    script.log.length = 0;
    actor.read(() => 1);
    await settle();
    expect(script.log).toEqual([]);
    expect(() =>
      actor.run(() => {
        throw new Error("no");
      }),
    ).toThrow("no");
    await settle();
    expect(script.log).toEqual(["mark", "tick"]);
  });

  it("survive a tick that fails", async () => {
    const { actor, script, ports, wakes } = await open(never, (made) => void (made.fail = true));
    await settle();
    expect(ports.logged).toMatchObject([{ level: "error", message: "a tick failed: broken tick" }]);
    script.fail = false;
    actor.wake();
    await settle();
    expect(wakes).toHaveLength(2);
  });

  it("that cannot be stored are tried again after longer and longer pauses, told once, and go on", async () => {
    let full = true;
    const { actor, script, ports, wakes } = await open(never, undefined, () => {
      if (full) throw new Error("The disk is full");
    });
    await settle();
    for (let i = 0; i < 6; i++) {
      actor.wake();
      await settle();
    }
    const seconds = wakes.map((at) => ((at ?? 0) - ports.now()) / 1_000);
    expect(seconds).toEqual([1, 2, 4, 8, 16, 30, 30]);
    expect(() => actor.run(() => 1)).toThrow("The disk is full");
    await settle();
    expect(ports.logged).toMatchObject([{ message: "a tick failed: The disk is full" }]);
    expect(script.log).toEqual([]);
    full = false;
    expect(actor.run(() => 1)).toBe(1);
    await settle();
    expect(script.log).toEqual(["mark", "tick"]);
    expect(ports.logged.at(-1)).toMatchObject({ message: "The town goes on." });
  });
});

describe("the next wake", () => {
  it("is never at once when nothing moved, or the host would spin", async () => {
    const { actor, script, ports, wakes } = await open(never);
    await settle();
    script.next = ports.now() - 5;
    actor.wake();
    await settle();
    script.next = ports.now() + 90_000;
    actor.wake();
    await settle();
    expect(wakes).toEqual([null, ports.now() + 1_000, ports.now() + 90_000]);
  });
});

describe("effects", () => {
  it("leave after their claim is on the disk, and their answer brings a tick", async () => {
    const { actor, script, ports } = await open(
      () => Promise.resolve({ type: "done" }),
      (made) => void made.due.push(effect("eff_1", 1e15)),
    );
    await actor.wait(() => (script.facts.length > 0 ? true : undefined), 1_000);
    expect(script.log).toEqual(["mark", "tick", "durably", "mark", "post", "tick"]);
    expect(script.facts).toEqual([
      { type: "effect_answered", effectId: "eff_1", attempt: 1, answer: { type: "done" } },
    ]);
    expect(ports.recorded).toMatchObject([
      { event: "outbox.effect", label: "ensure_runner", outcome: "done" },
    ]);
  });

  it("are told of their deadline", async () => {
    const { promise, resolve } = Promise.withResolvers<EffectAnswer>();
    const { actor, script, ports } = await open(
      (_town, _effect, signal) => {
        signal.addEventListener("abort", () => resolve({ type: "retry", message: "late", counted: true }));
        return promise;
      },
      (made) => void made.due.push(effect("eff_1", 0)),
    );
    await settle();
    ports.clock.advance(0);
    await actor.wait(() => (script.facts.length > 0 ? true : undefined), 1_000);
    expect(script.facts).toMatchObject([{ answer: { message: "late" } }]);
  });

  it("whose executor throws are tried again, and the defect is logged", async () => {
    const { actor, script, ports } = await open(
      () => Promise.reject(new Error("bug")),
      (made) => void made.due.push(effect("eff_1", 1e15)),
    );
    await actor.wait(() => (script.facts.length > 0 ? true : undefined), 1_000);
    expect(script.facts).toMatchObject([{ answer: { type: "retry", counted: true } }]);
    expect(ports.logged).toMatchObject([{ message: "an effect's executor failed" }]);
  });
});

describe("waiting", () => {
  it("ends with the first value after a change, without a timer left", async () => {
    const { actor, ports } = await open(never);
    let value: string | undefined;
    const waiting = actor.wait(() => value, 5_000);
    expect(ports.clock.pending).toBe(1);
    actor.run(() => (value = "there"));
    expect(await waiting).toBe("there");
    expect(ports.clock.pending).toBe(0);
    expect(actor.idle()).toBe(true);
  });

  it("ends empty by its time, its signal, and the town's close", async () => {
    const { actor, ports } = await open(never);
    const nothing = (): undefined => undefined;
    const late = actor.wait(nothing, 5_000);
    ports.clock.advance(5_000);
    expect(await late).toBeUndefined();
    const abort = new AbortController();
    const left = actor.wait(nothing, 5_000, abort.signal);
    abort.abort();
    expect(await left).toBeUndefined();
    expect(await actor.wait(nothing, 5_000, AbortSignal.abort())).toBeUndefined();
    const open_ = actor.wait(nothing, 5_000);
    expect(actor.idle()).toBe(false);
    await actor.close();
    expect(await open_).toBeUndefined();
    expect(ports.clock.pending).toBe(0);
  });

  it("fails with what its question throws", async () => {
    const { actor } = await open(never);
    await expect(
      actor.wait(() => {
        throw new Error("gone");
      }, 1_000),
    ).rejects.toThrow("gone");
  });
});

describe("closing", () => {
  it("waits for running effects, takes their answers, and refuses everything else", async () => {
    const { promise, resolve } = Promise.withResolvers<EffectAnswer>();
    const { actor, script } = await open(
      () => promise,
      (made) => void made.due.push(effect("eff_1", 1e15)),
    );
    await settle();
    const closing = actor.close();
    expect(() => actor.run(() => 1)).toThrow(expect.objectContaining({ code: "not_ready" }));
    resolve({ type: "done" });
    await closing;
    expect(script.facts).toHaveLength(1);
    expect(() => actor.read(() => 1)).toThrow(expect.objectContaining({ code: "not_ready" }));
    script.log.length = 0;
    actor.wake();
    await settle();
    expect(script.log).toEqual([]);
  });
});
