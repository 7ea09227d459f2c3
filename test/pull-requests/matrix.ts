/**
 * Every story under every condition. `npm test` tells each one healthy, with a failing forge and with a
 * killed host, on one of the two forges each; `npm run matrix` tells all of them on both, with a seed of
 * your choice (GASTOWN_SEED).
 */
import { expect, it } from "vitest";
import { wasApplied, type Condition } from "./conditions.ts";
import { expectOutcome } from "./outcome.ts";
import type { Scenario } from "./scenarios/scenario.ts";
import { Stage, type ForgeName } from "./stage.ts";

const SEED = Number(process.env["GASTOWN_SEED"] ?? "7");
const EVERYTHING = process.env["GASTOWN_MATRIX"] === "full";

const CONDITIONS: readonly Condition[] = [
  { kind: "healthy" },
  { kind: "failing", seed: SEED },
  { kind: "killed", seed: SEED },
];

/** On which forge `npm test` tells it: healthy, with a failing forge, with a killed host. */
export type Places = readonly [healthy: ForgeName, failing: ForgeName, killed: ForgeName];

export function tellUnderAll(scenario: Scenario, places: Places): void {
  for (const [index, condition] of CONDITIONS.entries())
    for (const forge of ["github", "gitlab"] as const) {
      if (!EVERYTHING && places[index] !== forge) continue;
      it(`${scenario.name}; ${forge}, ${condition.kind}`, () => tell(scenario, forge, condition));
    }
}

async function tell(scenario: Scenario, forge: ForgeName, condition: Condition): Promise<void> {
  const stage = await Stage.set({ ...scenario, forge, condition });
  await expectOutcome(stage, await scenario.tell(stage));
  expect(wasApplied(condition, stage.simulator, stage.killer)).toBe(true);
}
