/**
 * A forge that fails one request in five, and a host that is killed with a pull request open (spec/review.md
 * §4.1, spec/town.md §4): it lands once all the same.
 */
import { expect, it } from "vitest";
import { git } from "../../apps/node/src/demo/git.ts";
import { ForgeTown } from "./forge-town.ts";

it("lands once through a flaky forge and a killed host", async () => {
  const forge = await ForgeTown.start({ review: { code_review: false, auto_merge_delay_minutes: 0 } });
  const { town, repository, simulator } = forge;
  simulator.faults.share(0.2, 7);
  const bead = await town.sling("Add a part", {
    steps: [{ write: { path: "part.txt", content: "part\n" } }, ...town.commit("Add the part")],
  });
  await town.seen("the pull request", ({ kind }) => kind === "pr.created");
  await town.killHost();
  await town.up();
  await forge.land([bead]);
  const pulls = await repository.pulls();
  expect(pulls.map(({ state }) => state)).toEqual(["merged"]);
  const merges = await git(["rev-list", "--merges", "main"], { cwd: town.remote });
  expect(merges.split("\n").filter(Boolean)).toHaveLength(1);
});
