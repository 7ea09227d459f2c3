import { expect } from "vitest";
import { beadsLanded } from "../story.ts";
import type { Scenario } from "./scenario.ts";
import { approve, change, wantsMore } from "./steps.ts";

/** A reviewer wants changes, gets them, and approves; only that head is merged (spec/review.md §2). */
export const reworked: Scenario = {
  name: "2: reviewed, reworked and merged",
  review: { code_review: true, auto_merge_delay_minutes: 0 },
  async tell(stage) {
    const { town } = stage;
    const bead = await town.sling("Add a part", {
      steps: change("part.txt", "draft\n", "Add the part"),
      review: [[wantsMore("Say more in part.txt.")], [approve]],
      rework: change("part.txt", "part\n", "Say more"),
    });
    await beadsLanded(stage, [bead]);

    const { mergeRequest } = await town.bead(bead);
    const [pull] = await stage.repository.pulls();
    expect(mergeRequest).toMatchObject({ counters: { changeRounds: 1 }, reviewedSha: pull?.headSha });
    return { bases: [["main"]], files: [{ "part.txt": "part\n" }] };
  },
};
