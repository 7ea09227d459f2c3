import { expect } from "vitest";
import { commentMeanwhile, GRACE_MINUTES } from "./commented.ts";
import type { Scenario } from "./scenario.ts";
import { answerThread, approve, change, wantsMore } from "./steps.ts";

/** Review, rework, a person's comment, another review and the grace period, on one bead. */
export const everything: Scenario = {
  name: "A: all of them on one bead",
  review: { code_review: true, auto_merge_delay_minutes: GRACE_MINUTES, auto_resolve_feedback: true },
  async tell(stage) {
    const bead = await stage.town.sling("Add a part", {
      steps: change("part.txt", "draft\n", "Add the part"),
      review: [[wantsMore("Say more in part.txt.")], [approve], [approve]],
      rework: change("part.txt", "part\n", "Say more"),
      feedback: [...change("part.txt", "part for alice\n", "Do what alice asked"), ...answerThread],
    });
    await commentMeanwhile(stage, bead);

    const { mergeRequest } = await stage.town.bead(bead);
    expect(mergeRequest?.counters).toEqual({ changeRounds: 1, feedbackRounds: 1 });
    return { bases: [["main"]], files: [{ "part.txt": "part for alice\n" }] };
  },
};
