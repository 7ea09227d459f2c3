import { onTestFinished, vi } from "vitest";
import { TownProcess, type TownOptions } from "./town-process.ts";

vi.setConfig({ testTimeout: 1_200_000 });

/** A running host with one town and one rig that is ready, until the end of this test. */
export async function startTown(options: TownOptions = {}): Promise<TownProcess> {
  const town = new TownProcess(options);
  onTestFinished(() => town.end());
  await town.begin();
  return town;
}
