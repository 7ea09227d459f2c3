import type { RunnerOptions } from "@gastown/runner";
import { expect, expectTypeOf, it } from "vitest";
import { runnerInput, type RunnerInput } from "./runner-input.ts";

const INPUT = {
  root: "/data/runner",
  apiUrl: "http://127.0.0.1:4780",
  townId: "town_1",
  bootSecret: "s",
  version: "1",
};

it("tells a runner how often to push unfinished work, where a host asks for that", () => {
  expect(runnerInput.parse({ ...INPUT, checkpointMs: 300_000 }).checkpointMs).toBe(300_000);
  expect(runnerInput.parse(INPUT)).not.toHaveProperty("checkpointMs");
  // Less than a second would push all the time.
  expect(runnerInput.safeParse({ ...INPUT, checkpointMs: 10 }).success).toBe(false);
});

it("has nothing that the runner does not take", () => {
  expectTypeOf<keyof RunnerInput>().toExtend<keyof RunnerOptions>();
});
