/** Seeds that must pass, and that a seed is always the same run. */
import { withSql } from "#host";
import { describe, expect, it } from "vitest";
import { scenarioOf, shrink, simulate, traceText, type Result, type ScenarioChanges } from "./index.ts";

/** In groups, so that a failure names few of them and the worker can report in between. */
const GROUPS = 21;
const PER_GROUP = 10;

const run = (seed: number, changes: ScenarioChanges = {}, trace = false): Promise<Result> =>
  withSql((sql) => simulate(scenarioOf(seed, changes), sql, { trace }));

describe("seeds", () => {
  it.each(Array.from({ length: GROUPS }, (_, group) => 1 + group * PER_GROUP))(
    "from %i",
    async (first) => {
      for (let seed = first; seed < first + PER_GROUP; seed++) {
        const { violation } = await run(seed);
        expect(violation && (await explain(seed))).toBeNull();
      }
    },
    120_000,
  );
});

async function explain(seed: number): Promise<string> {
  const traced = await run(seed, {}, true);
  const { violation } = traced;
  return `seed ${seed}: invariant ${violation?.invariant}: ${violation?.what}\n${traceText(traced)}\nnpm run sim -- --seed ${seed} makes it smaller`;
}

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
