import { describe, expect, it } from "vitest";
import { WakeClock } from "./wake-clock.ts";

interface Timer {
  readonly at: number;
  readonly fn: () => void;
}

/** A clock that is moved by hand, and counts the timers that exist. */
function fake(): {
  clock: WakeClock;
  woken: string[];
  timers: Set<Timer>;
  advance(to: number): void;
  /** Sets the wall clock; the time that passes is another matter. */
  setWall(to: number): void;
  onWake(fn: (id: string) => void): void;
} {
  let now = 0;
  let wall = 0;
  let onWake: (id: string) => void = () => {};
  const timers = new Set<Timer>();
  const woken: string[] = [];
  const clock = new WakeClock({
    now: () => now + wall,
    monotonic: () => now,
    setTimer: (delay, fn) => {
      const timer = { at: now + delay, fn };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    wake: (id) => {
      woken.push(id);
      onWake(id);
    },
  });
  return {
    clock,
    woken,
    timers,
    onWake: (fn) => {
      onWake = fn;
    },
    setWall: (to) => {
      wall = to - now;
    },
    advance: (to) => {
      now = to;
      const due = (): Timer | undefined => [...timers].find((one) => one.at <= now);
      for (let timer = due(); timer !== undefined; timer = due()) {
        timers.delete(timer);
        timer.fn();
      }
    },
  };
}

describe("the wake clock", () => {
  it("has one timer for any number of towns, and none without work", () => {
    const { clock, timers, woken, advance } = fake();
    expect(timers.size).toBe(0);
    for (let i = 0; i < 1_000; i += 1) clock.set(`t${i}`, 10_000 + i);
    expect([...timers].map((timer) => timer.at)).toEqual([10_000]);
    advance(11_000);
    expect(woken).toHaveLength(1_000);
    expect(timers.size).toBe(0);
  });

  it("moves the timer when something earlier comes, or the earliest goes", () => {
    const { clock, timers } = fake();
    clock.set("a", 500);
    clock.set("b", 100);
    expect([...timers].map((timer) => timer.at)).toEqual([100]);
    clock.set("b", null);
    expect([...timers].map((timer) => timer.at)).toEqual([500]);
  });

  it("wakes a town that asks for a time in the past, once each time", () => {
    const { clock, woken, advance, onWake } = fake();
    onWake((id) => {
      if (woken.length < 3) clock.set(id, 0);
    });
    clock.set("a", -5);
    advance(0);
    expect(woken).toEqual(["a", "a", "a"]);
  });

  it("does not wake early at a time further than a timer can count", () => {
    const { clock, timers, woken, advance } = fake();
    const farAway = 2 ** 31 + 5_000;
    clock.set("a", farAway);
    expect([...timers].map((timer) => timer.at)).toEqual([2 ** 31 - 1]);
    advance(2 ** 31 - 1);
    expect(woken).toEqual([]);
    advance(farAway);
    expect(woken).toEqual(["a"]);
  });

  const DAY = 86_400_000;

  it("is not late for a wall clock that was set back a day", () => {
    const { clock, woken, advance, setWall } = fake();
    setWall(2 * DAY);
    clock.set("a", 2 * DAY + 3_600_000);
    clock.set("b", 2 * DAY + 7_200_000);
    advance(600_000);
    setWall(DAY);
    advance(3_600_000);
    expect(woken).toEqual(["a"]);
    advance(7_200_000);
    expect(woken).toEqual(["a", "b"]);
  });

  it("is not late either when something else was asked for after the step, and before its time", () => {
    const { clock, woken, advance, setWall } = fake();
    setWall(2 * DAY);
    clock.set("a", 2 * DAY + 3_600_000);
    setWall(DAY);
    clock.set("c", DAY + 1_000);
    advance(1_000);
    expect(woken).toEqual(["c"]);
    advance(3_600_000);
    expect(woken).toEqual(["c", "a"]);
  });

  it("waits out a small step back", () => {
    const { clock, woken, advance, setWall } = fake();
    setWall(DAY);
    clock.set("a", DAY + 120_000);
    setWall(DAY - 59_000);
    advance(120_000);
    expect(woken).toEqual([]);
    advance(179_000);
    expect(woken).toEqual(["a"]);
  });

  it("takes what is due after a wall clock that was set ahead a day, with the next look at it", () => {
    const { clock, woken, advance, setWall } = fake();
    clock.set("a", 7_200_000);
    setWall(DAY);
    clock.set("b", DAY + 1_000);
    advance(1);
    expect(woken).toEqual(["a"]);
  });

  it("is silent once closed", () => {
    const { clock, timers } = fake();
    clock.set("a", 5);
    clock.close();
    clock.set("b", 1);
    expect(timers.size).toBe(0);
  });
});
