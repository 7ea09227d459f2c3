/** That a seed is always the same run, and what becomes of one that fails. */
import { withSql } from "#host";
import { describe, expect, it } from "vitest";
import { scenarioOf, shrink, type Result, type ScenarioChanges } from "./index.ts";
import { run } from "./testing/prove-seeds.ts";

describe("a seed", () => {
  it("is the same run every time, with or without a trace", async () => {
    const first = await run(7, {}, true);
    const second = await run(7, {}, true);
    expect(second.trace).toEqual(first.trace);
    expect(first.trace.length).toBeGreaterThan(100);
    const { trace: _trace, ...plain } = await run(7);
    expect(plain).toEqual(
      expect.objectContaining({ steps: first.steps, ticks: first.ticks, merges: first.merges }),
    );
  });

  it("without faults gets all of its work done", async () => {
    const result = await run(3, { faults: [], beads: 5, convoys: 2 });
    expect(result).toMatchObject({ violation: null, occasions: 0 });
    expect(result.merges).toBeGreaterThan(5);
  });

  it("that fails is made smaller, and still fails", () =>
    withSql(() => {
      const scenario = scenarioOf(1, { beads: 6, convoys: 2 });
      // Fails whenever there are two beads and runners crash.
      const failing = (changes: ScenarioChanges): Result => {
        const bad =
          (changes.beads ?? 6) >= 2 && (changes.faults ?? ["runner_crash"]).includes("runner_crash");
        const violation = bad ? { invariant: 5, what: "x" } : null;
        return {
          seed: 1,
          virtualMs: 0,
          ticks: 0,
          steps: 0,
          faults: {},
          occasions: 8,
          beads: 0,
          merges: 0,
          violation,
          trace: [],
        };
      };
      const small = shrink(
        failing({}),
        { faults: ["runner_crash", "host_crash"] },
        { scenario, run: failing },
      );
      expect(small.changes).toMatchObject({ beads: 2, convoys: 0 });
      expect(small.changes.faults).toContain("runner_crash");
      expect(small.changes.muted).toHaveLength(8);
    }));
});
