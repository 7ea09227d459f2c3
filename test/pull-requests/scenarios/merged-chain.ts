import { expect } from "vitest";
import { convoyLanded, slingConvoy } from "../story.ts";
import type { Scenario } from "./scenario.ts";
import { approve, change, wantsMore } from "./steps.ts";

/** Each of a chain goes into the default branch by its own pull request (spec/review.md §5). */
export const mergedChain: Scenario = {
  name: "B: a convoy of three, review-and-merge",
  review: { code_review: true, auto_merge_delay_minutes: 1 },
  async tell(stage) {
    const part = (index: number) => ({
      script: { steps: change(`part-${index}.txt`, `${index}\n`, `Part ${index}`), review: [[approve]] },
    });
    const reworkedPart = {
      script: {
        steps: change("part-1.txt", "draft\n", "Part 1"),
        review: [[wantsMore("Not a draft.")], [approve]],
        rework: change("part-1.txt", "1\n", "Part 1, not a draft"),
      },
    };
    const { id } = await slingConvoy(stage, {
      title: "Three parts",
      mode: "review-and-merge",
      parts: [part(0), reworkedPart, part(2)],
    });
    const convoy = await convoyLanded(stage, id);
    expect(convoy).toMatchObject({ progress: { total: 3, closed: 3 }, landing: [] });
    return {
      bases: [["main", "main", "main"]],
      files: [{ "part-0.txt": "0\n", "part-1.txt": "1\n", "part-2.txt": "2\n" }],
    };
  },
};
