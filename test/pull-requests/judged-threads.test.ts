/** A bot's remark is judged by a small model, and keeps nothing that it need not (spec/review.md §4.3). */
import { expect, it } from "vitest";
import { expectOutcome } from "./outcome.ts";
import { GRACE_MINUTES, inGrace } from "./scenarios/commented.ts";
import { change } from "./scenarios/steps.ts";
import { Stage } from "./stage.ts";
import { beadsLanded } from "./story.ts";

it("a bot's thread that a small model lets pass does not keep a pull request from merging", async () => {
  const stage = await Stage.set({
    forge: "github",
    condition: { kind: "healthy" },
    review: {
      code_review: false,
      auto_merge_delay_minutes: GRACE_MINUTES,
      auto_resolve_feedback: true,
      classify_threads: true,
    },
  });
  stage.simulator.user("scanner", "bot");
  const bead = await stage.town.sling("Add a part", { steps: change("part.txt", "part\n", "Add the part") });
  await inGrace(stage, bead);
  const remark = { by: "scanner", body: "FYI: 100 % of this is covered.", path: "part.txt", line: 1 };
  await stage.repository.thread(1, remark);
  await beadsLanded(stage, [bead]);
  const events = await stage.town.events();
  expect(events.map(({ kind }) => kind)).toContain("pr.threads_classified");
  expect(events.map(({ kind }) => kind)).not.toContain("pr.feedback_detected");
  await expectOutcome(stage, {
    bases: [["main"]],
    files: [{ "part.txt": "part\n" }],
    passed: [remark.body],
  });
});
