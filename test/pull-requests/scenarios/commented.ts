import { expect } from "vitest";
import type { Story } from "../story.ts";
import { beadsLanded } from "../story.ts";
import type { Stage } from "../stage.ts";
import type { Scenario } from "./scenario.ts";
import { answerThread, change } from "./steps.ts";

/** As long as one interval of polls: of those that fail, none may be in it (spec/review.md §4.4). */
export const GRACE_MINUTES = 1;

/** Resolves when nothing but its grace period keeps it from being merged. */
export async function inGrace(story: Story, bead: string): Promise<void> {
  await story.until("its grace period", async () => {
    const { mergeRequest } = await story.town.bead(bead);
    return mergeRequest?.waitingOn?.code === "grace" ? true : undefined;
  });
}

/** A person comments on a line meanwhile; the town repairs it, resolves the thread, and waits anew. */
export async function commentMeanwhile(stage: Stage, bead: string): Promise<void> {
  await inGrace(stage, bead);
  await stage.repository.thread(1, { by: "alice", body: "Mention me.", path: "part.txt", line: 1 });
  await beadsLanded(stage, [bead]);

  const [pull] = await stage.repository.pulls();
  expect(pull?.threads.map(({ notes }) => notes.map(({ author }) => author.login))).toEqual([
    ["alice", "town"],
  ]);
  const { mergeRequest } = await stage.town.bead(bead);
  expect(mergeRequest).toMatchObject({ counters: { feedbackRounds: 1 }, reviewedSha: pull?.headSha });
  const events = await stage.town.events();
  const at = (kind: string): number =>
    Date.parse(events.findLast((event) => event.kind === kind)?.at ?? "never");
  expect(at("pr.merged") - at("pr.auto_merge_scheduled")).toBeGreaterThanOrEqual(GRACE_MINUTES * 60_000);
}

/** Without a reviewer, but a person says something in the grace period (spec/review.md §4.3, §4.4). */
export const commented: Scenario = {
  name: "3: a person comments, and it is merged after the grace period",
  review: { code_review: false, auto_merge_delay_minutes: GRACE_MINUTES, auto_resolve_feedback: true },
  async tell(stage) {
    const bead = await stage.town.sling("Add a part", {
      steps: change("part.txt", "part\n", "Add the part"),
      feedback: [...change("part.txt", "part for alice\n", "Do what alice asked"), ...answerThread],
    });
    await commentMeanwhile(stage, bead);
    return { bases: [["main"]], files: [{ "part.txt": "part for alice\n" }] };
  },
};
