import { expect, it } from "vitest";
import { MovableClock, type HostClock } from "./clock.ts";

/** A clock that stands; its timers fire by hand. */
function standing(): { base: HostClock; run(): void } {
  const timers = new Set<{ at: number; fn: () => void }>();
  return {
    base: {
      now: () => 1_000,
      monotonic: () => 7,
      setTimer: (delayMs, fn) => {
        const timer = { at: delayMs, fn };
        timers.add(timer);
        return () => void timers.delete(timer);
      },
    },
    run() {
      const due = [...timers].filter(({ at }) => at === 0);
      for (const timer of due) {
        timers.delete(timer);
        timer.fn();
      }
    },
  };
}

it("brings what becomes due by a move, in its order, and nothing else", () => {
  const { base, run } = standing();
  const clock = new MovableClock(base, 500);
  const fired: string[] = [];
  clock.setTimer(60_000, () => fired.push("minute"));
  clock.setTimer(30_000, () => fired.push("half"));
  clock.setTimer(20_000, () => fired.push("cancelled"))();
  clock.advance(29_999);
  run();
  expect(fired).toEqual([]);
  clock.advance(40_000);
  run();
  expect(fired).toEqual(["half", "minute"]);
  expect(clock.now()).toBe(1_000 + 500 + 69_999);
});
