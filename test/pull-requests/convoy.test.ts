/**
 * Test C (spec/review.md §5): a chain of three beads, `review-then-land`, by pull requests. Three go into the
 * convoy's branch, each merged before the next bead starts; one more lands the branch on the default branch.
 */
import { expect, it } from "vitest";
import { git } from "../../apps/node/src/demo/git.ts";
import { ForgeTown } from "./forge-town.ts";

it("lands a chain of three by three pull requests into its branch and one into main", async () => {
  const forge = await ForgeTown.start({
    review: { code_review: false, auto_merge_delay_minutes: 0, merge_method: "merge" },
  });
  const { town, repository } = forge;
  const parts = [0, 1, 2].map((part) => ({
    steps: [{ write: { path: `part-${part}.txt`, content: `${part}\n` } }, ...town.commit(`Part ${part}`)],
  }));
  const { id } = await forge.slingChain("Three parts", "review-then-land", parts);
  const landed = await forge.until("the convoy to land", async () => {
    const convoy = await forge.convoy(id);
    return convoy.state === "landed" ? convoy : undefined;
  });
  expect(landed.progress).toMatchObject({ total: 3, closed: 3 });
  expect(landed.landedAt).not.toBeNull();

  const pulls = await repository.pulls();
  const [branch] = Object.values(landed.featureBranches);
  expect(pulls.map(({ base, state }) => ({ base, state }))).toEqual([
    { base: branch, state: "merged" },
    { base: branch, state: "merged" },
    { base: branch, state: "merged" },
    { base: "main", state: "merged" },
  ]);
  const history = (await git(["rev-list", "main"], { cwd: town.remote })).split("\n");
  for (const { headSha } of pulls) expect(history).toContain(headSha);

  const events = await town.events();
  const nodes = landed.nodes.map(({ beadId }) => beadId);
  const at = (kind: string, beadId: string | undefined): number =>
    events.find((one) => one.kind === kind && one.beadId === beadId)?.seq ?? Number.NaN;
  for (const part of [1, 2])
    expect(at("session.started", nodes[part])).toBeGreaterThan(at("pr.merged", nodes[part - 1]));
});
