/**
 * The race: anything, anywhere. Host, runner and agents are killed (-9) at moments that a seed draws, the
 * wall clock is set a day ahead or back meanwhile, and the files are copied in the middle of it all.
 *
 * What must hold: every bead lands exactly once, and its change is in the target's history once; a copy of
 * the files at any moment opens and keeps the invariants; at the end nothing runs, nothing is left checked
 * out, and doctor finds nothing. `npm run crash -- --runs 50 [--seed S]` does this as often as one likes.
 */
import { describe, it } from "vitest";
import { CrashedTown } from "./crashed-town.ts";
import { crashPlan, told } from "./crash-plan.ts";

const RUNS = Number(process.env["GASTOWN_CRASH_RUNS"] ?? 3);
const FIRST = Number(process.env["GASTOWN_CRASH_SEED"] ?? 1);
const SEEDS = Array.from({ length: RUNS }, (_, i) => FIRST + i);

describe("a town to which anything happens", () => {
  it.each(SEEDS)("(seed %i) lands everything once and leaves nothing behind", async (seed) => {
    const plan = crashPlan(seed);
    try {
      const town = await CrashedTown.start(seed);
      for (const moment of plan) await town.suffer(moment);
      await town.prove();
    } catch (error) {
      throw new Error(
        `Seed ${seed} (npm run crash -- --runs 1 --seed ${seed}): ${plan.map(told).join("; ")}`,
        {
          cause: error,
        },
      );
    }
  });
});
