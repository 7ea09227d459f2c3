/**
 * Scenarios 2 and 3 on one bead (spec/review.md §2–§4.4): a reviewer wants changes, they are made and
 * approved; a person then comments on a line of the open pull request, that is repaired and the thread
 * resolved by an agent without a token; only then is it merged, at the head that was reviewed last.
 */
import { expect, it } from "vitest";
import { git } from "../../apps/node/src/demo/git.ts";
import { ForgeTown } from "./forge-town.ts";

const write = (content: string) => ({ write: { path: "part.txt", content } });

it("goes through a reviewer's and a person's wishes before it is merged", async () => {
  const forge = await ForgeTown.start({
    review: { code_review: true, auto_merge_delay_minutes: null, auto_resolve_feedback: true },
  });
  const { town, repository } = forge;
  const bead = await town.sling("Add a part", {
    steps: [write("draft\n"), ...town.commit("Add the part")],
    review: [[{ request_changes: { feedback: "Say more in part.txt." } }], [{ approve: "Good now." }]],
    rework: [write("part\n"), ...town.commit("Say more")],
    feedback: [
      write("part, as alice asked\n"),
      ...town.commit("Do what alice asked"),
      { call: { tool: "gt_pr_threads", args: {} } },
      {
        call: {
          tool: "gt_pr_reply",
          args: { thread_id: "{{last.items.0.id}}", body: "Done.", resolve: true },
        },
      },
    ],
  });

  const reviewed = await forge.until("its approval", async () => {
    const { mergeRequest } = await town.bead(bead);
    return mergeRequest?.state === "approved" ? mergeRequest : undefined;
  });
  expect(reviewed.counters.changeRounds).toBe(1);
  expect(reviewed.reviewedSha).toBe((await repository.pull(1)).headSha);

  await repository.thread(1, { by: "alice", body: "Mention me.", path: "part.txt", line: 1 });
  const repaired = await forge.until("the thread to be resolved and the head to be reviewed", async () => {
    const { mergeRequest } = await town.bead(bead);
    const { threads, headSha } = await repository.pull(1);
    const done = threads.every(({ resolved }) => resolved) && headSha !== reviewed.headSha;
    return done && mergeRequest?.state === "approved" && mergeRequest.reviewedSha === headSha
      ? mergeRequest
      : undefined;
  });
  expect((await repository.pull(1)).state).toBe("open");

  // The grace period is "never": a person says when.
  await forge.until("the checks to be read", async () => {
    const answer = await town.world.run(["merge", "now", repaired.id, "--json"]);
    return answer.code === 0 ? true : undefined;
  });
  await forge.land([bead]);
  expect(await git(["show", "main:part.txt"], { cwd: town.remote })).toBe("part, as alice asked");
  const [thread] = (await repository.pull(1)).threads;
  expect(thread?.notes.map(({ author }) => author.login)).toEqual(["alice", "town"]);
});
