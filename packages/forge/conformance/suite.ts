/** What every forge with pull requests must do (spec/review.md §4, §6); run for each of them. */
import { afterAll, beforeAll, beforeEach, describe, vi } from "vitest";
import type { ForgeSimulator } from "../simulator/index.ts";
import { branches } from "./branches.ts";
import { guarding } from "./guarding.ts";
import { merging } from "./merging.ts";
import { opening } from "./opening.ts";
import { reading } from "./reading.ts";
import { type Kind, startForgeSimulator, type World, worldOf } from "./world.ts";
import { writing } from "./writing.ts";

/** `more`: what only this forge, or only its simulator, knows. `path`: below which its server lives. */
export function conformance(kind: Kind, more?: (world: () => Promise<World>) => void, path?: string): void {
  // Each test starts dozens of small gits: what takes a second may take minutes on a loaded machine.
  vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });
  let simulator: ForgeSimulator;
  beforeAll(async () => {
    simulator = await startForgeSimulator(path === undefined ? {} : { path });
  });
  afterAll(() => simulator.close());
  beforeEach(() => simulator.faults.clear());
  const world = () => worldOf(kind, simulator);

  describe("opening", () => {
    opening(kind, world);
  });
  describe("reading", () => {
    reading(kind, world);
  });
  describe("writing", () => {
    writing(kind, world);
  });
  describe("merging", () => {
    merging(kind, world);
  });
  describe("branches and files", () => {
    branches(world);
  });
  describe("guarding", () => {
    guarding(kind, world);
  });
  more?.(world);
}
