/** One breaker per provider: who may ask it, and when, with a clock and timers of the test's own. */
import { beforeEach, describe, expect, it } from "vitest";
import { ModelGate } from "./model-gate.ts";
import type { ModelTrouble } from "./trouble.ts";

const MINUTE = 60_000;
const ANTHROPIC = { key: "kilo anthropic 1", name: "anthropic" };
const OTHER_KEY = { key: "kilo anthropic 2", name: "anthropic" };

let now: number;
let changes: number;
let timers: { at: number; run: () => void }[];
let gate: ModelGate;
beforeEach(() => {
  now = 1_000_000;
  changes = 0;
  timers = [];
  gate = new ModelGate({
    minuteMs: MINUTE,
    now: () => now,
    setTimer: (ms, run) => {
      const timer = { at: now + ms, run };
      timers.push(timer);
      return () => {
        timers = timers.filter((one) => one !== timer);
      };
    },
    onChange: () => {
      changes += 1;
    },
  });
});

function pass(ms: number): void {
  now += ms;
  for (const timer of timers.filter(({ at }) => at <= now)) {
    timers = timers.filter((one) => one !== timer);
    timer.run();
  }
}

const limited = (until: number | null = null): ModelTrouble => ({ kind: "limited", until, message: "wait" });
const until = (session: string): number | undefined => gate.enter(ANTHROPIC, session)?.until;

describe("the gate of a provider", () => {
  it("lets everybody through until somebody was refused, and keeps other keys out of it", () => {
    expect(gate.enter(ANTHROPIC, "a")).toBeNull();
    expect(gate.enter(ANTHROPIC, "b")).toBeNull();
    gate.refused(ANTHROPIC, "a", limited(now + MINUTE));
    expect(gate.enter(ANTHROPIC, "b")).toEqual({
      until: now + MINUTE,
      message: "wait",
      provider: "anthropic",
      key: ANTHROPIC.key,
    });
    expect(gate.enter(OTHER_KEY, "b")).toBeNull();
  });

  it("opens for one at the provider's time, and for all when that one is answered", () => {
    gate.refused(ANTHROPIC, "a", limited(now + 5 * MINUTE));
    pass(5 * MINUTE - 1);
    expect(changes).toBe(0);
    expect(until("a")).toBeDefined();
    pass(1);
    expect(changes).toBe(1);
    expect(gate.enter(ANTHROPIC, "b")).toBeNull();
    expect(gate.enter(ANTHROPIC, "b")).toBeNull();
    expect(until("a")).toBe(now + 30_000);
    gate.answered(ANTHROPIC, "a");
    expect(until("a")).toBe(now + 30_000);
    gate.answered(ANTHROPIC, "b");
    expect(changes).toBe(2);
    expect(gate.enter(ANTHROPIC, "a")).toBeNull();
  });

  it("waits longer after each refused probe where the provider says no time: 30 s, 1, 2, 5, 10 min", () => {
    const waits: number[] = [];
    for (let i = 0; i < 6; i += 1) {
      const wait = gate.refused(ANTHROPIC, "a", limited()).until - now;
      waits.push(wait / MINUTE);
      pass(wait);
      expect(gate.enter(ANTHROPIC, "a")).toBeNull();
    }
    expect(waits).toEqual([0.5, 1, 2, 5, 10, 10]);
  });

  it("does not wait longer because others had run into the same wall, but heeds a later time", () => {
    gate.refused(ANTHROPIC, "a", limited());
    expect(gate.refused(ANTHROPIC, "b", limited()).until).toBe(now + 30_000);
    expect(gate.refused(ANTHROPIC, "c", limited(now + MINUTE)).until).toBe(now + MINUTE);
    expect(gate.refused(ANTHROPIC, "d", limited(now + 5)).until).toBe(now + MINUTE);
    expect(timers).toHaveLength(1);
    pass(MINUTE);
    expect(gate.enter(ANTHROPIC, "a")).toBeNull();
    expect(gate.refused(ANTHROPIC, "a", limited()).until).toBe(now + MINUTE);
  });

  it("lets the next one try at once when the one that tried is over without an answer", () => {
    gate.refused(ANTHROPIC, "a", limited(now + MINUTE));
    pass(MINUTE);
    expect(gate.enter(ANTHROPIC, "a")).toBeNull();
    gate.left("b");
    expect(until("b")).toBeDefined();
    gate.left("a");
    expect(changes).toBe(2);
    expect(gate.enter(ANTHROPIC, "b")).toBeNull();
  });

  it("never hammers, whatever time a provider names", () => {
    expect(gate.refused(ANTHROPIC, "a", limited(now + 6)).until).toBe(now + 1_000);
  });
});
