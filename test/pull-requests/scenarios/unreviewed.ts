import { expect } from "vitest";
import { beadsLanded } from "../story.ts";
import type { Scenario } from "./scenario.ts";
import { change } from "./steps.ts";

/** Without a reviewer: opened by the town, merged when green, and no word said (spec/review.md §2, §4). */
export const unreviewed: Scenario = {
  name: "1: auto-merge without a review",
  review: { code_review: false, auto_merge_delay_minutes: 0 },
  async tell(stage) {
    const { town } = stage;
    const bead = await town.sling("Add a part", { steps: change("part.txt", "part\n", "Add the part") });
    await beadsLanded(stage, [bead]);

    const [pull] = await stage.repository.pulls();
    expect(pull).toMatchObject({ title: "Add a part", author: { login: "town" }, notes: [], reviews: [] });
    expect(pull?.threads).toEqual([]);
    expect(new Set((await town.sessions()).map(({ role }) => role))).toEqual(new Set(["polecat"]));
    return { bases: [["main"]], files: [{ "part.txt": "part\n" }] };
  },
};
