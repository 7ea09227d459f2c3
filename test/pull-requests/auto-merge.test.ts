/**
 * Scenario 1: no reviewer (spec/review.md §2, §4). The town opens the pull request with its own token, reads
 * it, merges exactly the pushed head and reads the merge back; a refinery never starts, and nobody writes
 * anything on the pull request.
 */
import { expect, it } from "vitest";
import { git } from "../../apps/node/src/demo/git.ts";
import { ForgeTown } from "./forge-town.ts";

it("opens it, merges the pushed head when it is green, and says nothing after that", async () => {
  const forge = await ForgeTown.start({ review: { code_review: false, auto_merge_delay_minutes: 0 } });
  const { town, repository } = forge;
  const bead = await town.sling("Add a part", {
    steps: [{ write: { path: "part.txt", content: "part\n" } }, ...town.commit("Add the part")],
  });
  await forge.land([bead]);
  const pull = await repository.pull(1);
  expect({ title: pull.title, author: pull.author.login }).toEqual({ title: "Add a part", author: "town" });
  const merged = await town.bead(bead);
  expect(merged).toMatchObject({
    status: "closed",
    reason: "merged",
    mergeRequest: {
      strategy: "pr",
      reviewedSha: pull.headSha,
      pullRequest: { url: repository.pullUrl(1), state: "merged", mergedHead: pull.headSha },
    },
  });
  const onMain = await git(["rev-list", "main"], { cwd: town.remote });
  expect(onMain.split("\n")).toEqual(
    expect.arrayContaining([pull.headSha, merged.mergeRequest?.mergeCommit ?? "none"]),
  );
  expect((await town.sessions()).map(({ role }) => role)).toEqual(["polecat"]);
  expect({ reviews: pull.reviews, threads: pull.threads, notes: pull.notes }).toEqual({
    reviews: [],
    threads: [],
    notes: [],
  });
});
