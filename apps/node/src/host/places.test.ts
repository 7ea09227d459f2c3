/** Who gets the next runner when a host runs as many as it may. The failure: a town that waits for ever. */
import { beforeEach, describe, expect, it } from "vitest";
import { Places } from "./places.ts";

let running: Set<string>;
let told: string[];
let wanted: number[];
let timers: { fn: () => void; cancelled: boolean }[];
let places: Places;
beforeEach(() => {
  running = new Set();
  told = [];
  wanted = [];
  timers = [];
  places = new Places({
    max: 2,
    occupied: () => running,
    setTimer: (_ms, fn) => {
      const timer = { fn, cancelled: false };
      timers.push(timer);
      return () => {
        timer.cancelled = true;
      };
    },
    onRoom: (townId) => told.push(townId),
    onWanted: () => wanted.push(places.waiting),
  });
});

function start(townId: string): string {
  try {
    places.take(townId);
    running.add(townId);
    return "starts";
  } catch (error) {
    const { code, message } = error as { code: string; message: string };
    return code === "at_capacity" ? (/number \d+/.exec(message)?.[0] ?? "?") : code;
  }
}

function gone(townId: string): void {
  running.delete(townId);
  places.freed();
}

describe("places for runners", () => {
  it("go to whoever comes first, and a refused town keeps its number however often it asks", () => {
    expect(["a", "b", "c", "d", "c", "d"].map(start)).toEqual([
      "starts",
      "starts",
      "number 1",
      "number 2",
      "number 1",
      "number 2",
    ]);
    expect(wanted).toEqual([1, 2, 2, 2]);
    gone("a");
    expect(told).toEqual(["c"]);
    // The place is kept: nobody who asks meanwhile overtakes.
    expect(start("e")).toBe("number 2");
    expect(start("d")).toBe("number 1");
    expect(start("c")).toBe("starts");
    gone("b");
    gone("c");
    expect(told).toEqual(["c", "d", "e"]);
  });

  it("go to a town whose mayor is waited for before all others", () => {
    for (const town of ["a", "b", "c", "d"]) start(town);
    places.prefer("d");
    expect(start("d")).toBe("number 1");
    expect(start("c")).toBe("number 2");
    gone("b");
    expect(told).toEqual(["d"]);
  });

  it("are given on when a town that was told does not come within its minute", () => {
    for (const town of ["a", "b", "c", "d"]) start(town);
    gone("a");
    expect(told).toEqual(["c"]);
    timers[0]?.fn();
    expect(told).toEqual(["c", "d"]);
    expect(start("d")).toBe("starts");
    expect(timers[1]?.cancelled).toBe(true);
    // Who came too late waits again, behind nobody.
    expect(start("c")).toBe("number 1");
  });

  it("are not asked for by a town that has one: its next runner takes the place of the last", () => {
    start("a");
    start("b");
    expect(start("a")).toBe("starts");
  });
});
