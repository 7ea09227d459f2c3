/** Seeds that must pass, as tests. In several files, so that several workers share them. */
import { withSql } from "#host";
import { describe, expect, it } from "vitest";
import { scenarioOf, simulate, traceText, type Result, type ScenarioChanges } from "../index.ts";

/** In groups, so that a failure names few of them and the worker can report in between. */
const PER_GROUP = 10;

export const run = (seed: number, changes: ScenarioChanges = {}, trace = false): Promise<Result> =>
  withSql((sql) => simulate(scenarioOf(seed, changes), sql, { trace }));

export function proveSeeds(first: number, groups: number): void {
  describe("seeds", () => {
    it.each(Array.from({ length: groups }, (_, group) => first + group * PER_GROUP))(
      "from %i",
      async (from) => {
        for (let seed = from; seed < from + PER_GROUP; seed++) {
          const { violation } = await run(seed);
          expect(violation && (await explain(seed))).toBeNull();
        }
      },
      120_000,
    );
  });
}

async function explain(seed: number): Promise<string> {
  const traced = await run(seed, {}, true);
  const { violation } = traced;
  return `seed ${seed}: invariant ${violation?.invariant}: ${violation?.what}\n${traceText(traced)}\nnpm run sim -- --seed ${seed} makes it smaller`;
}
