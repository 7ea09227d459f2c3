import assert from "node:assert/strict";
import type { ReviewSettings } from "@gastown/protocol";
import { convoyLanded, slingConvoy, type Story } from "../story.ts";
import type { Scenario } from "./scenario.ts";
import { change } from "./steps.ts";

export const TEST_C_REVIEW: ReviewSettings = {
  code_review: false,
  auto_merge_delay_minutes: 0,
  merge_method: "merge",
};

/**
 * Test C (spec/review.md §5), on whichever forge: a chain of three, `review-then-land`. Three pull
 * requests into the convoy's branch, each merged before the next bead starts, and one that lands them.
 * Returns the name of that branch.
 */
export async function tellTestC(story: Story, title: string, target: string): Promise<string> {
  const { town } = story;
  const parts = [0, 1, 2].map((part) => ({
    script: { steps: change(`part-${part}.txt`, `${part}\n`, `Part ${part}`) },
  }));
  const { id } = await slingConvoy(story, { title, mode: "review-then-land", parts });
  const landed = await convoyLanded(story, id);
  assert.deepEqual([landed.progress.total, landed.progress.closed], [3, 3]);
  assert.notEqual(landed.landedAt, null);

  const branch = landed.featureBranches[town.rigId] ?? "";
  const witness = story.witnesses.get(town.rigId);
  assert(witness !== undefined);
  const pulls = await witness.pulls();
  assert.deepEqual(
    pulls.map(({ base, state }) => [base, state]),
    [
      [branch, "merged"],
      [branch, "merged"],
      [branch, "merged"],
      [target, "merged"],
    ],
  );
  const history = await witness.history(target);
  for (const { headSha, number } of pulls)
    assert(history.includes(headSha), `${target} lacks the head of pull request ${number}`);

  const events = await town.events();
  const at = (kind: string, part: number): number =>
    events.find((one) => one.kind === kind && one.beadId === landed.nodes[part]?.beadId)?.seq ?? Number.NaN;
  for (const part of [1, 2])
    assert(
      at("session.started", part) > at("pr.merged", part - 1),
      `part ${part} was started before the one before it was merged`,
    );
  return branch;
}

export const landedChain: Scenario = {
  name: "C: a convoy of three, review-then-land",
  review: TEST_C_REVIEW,
  async tell(stage) {
    const branch = await tellTestC(stage, "Three parts", "main");
    return {
      bases: [[branch, branch, branch, "main"]],
      files: [{ "part-0.txt": "0\n", "part-1.txt": "1\n", "part-2.txt": "2\n" }],
    };
  },
};
