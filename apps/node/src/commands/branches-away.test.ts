/** A rig that leaves takes along what the town had made on its remote, where a person says so. */
import { beadDetail, leftRef } from "@gastown/protocol";
import { afterAll, beforeAll, expect, it } from "vitest";
import { z } from "zod";
import { git } from "../demo/git.ts";
import { errorAnswer, World } from "../testing/executable.ts";

const world = new World();
let remote: string;

beforeAll(async () => {
  const host = await world.up();
  host.child.stdout.resume();
  remote = await world.repository();
  await world.must(["init"], { cwd: `${remote}-seed` });
});
afterAll(() => world.end());

const branches = async (): Promise<string[]> =>
  (await git(["for-each-ref", "--format=%(refname)"], { cwd: remote }))
    .split("\n")
    .filter((ref) => ref !== "");

it("deletes its branches, but none that somebody moved, and says which", async () => {
  await world.must([
    "config",
    "set",
    "review.gates=[]",
    "merge_strategy=direct",
    "review.delete_branch=false",
  ]);
  for (const title of ["one", "two"]) {
    const bead = (await world.must(["sling", title, "--wait", "--json"])).json(beadDetail);
    expect(bead.reason).toBe("merged");
  }
  const [main = "", ...made] = (await branches()).toSorted((a) => (a === "refs/heads/main" ? -1 : 1));
  expect([main, made.length]).toEqual(["refs/heads/main", 2]);
  const moved = made[0] ?? "";
  await git(["update-ref", moved, `${main}~1`], { cwd: remote });

  await world.must(["sling", "three", "--hold"]);
  const busy = await world.run(["rig", "remove", "app", "--branches", "--json"]);
  expect(busy.json(errorAnswer).error).toMatchObject({ code: "has_live_work" });
  expect(await branches()).toHaveLength(3);
  await world.must(["bead", "bulk", "delete", "--held", "--confirm", "1"]);

  const removed = (await world.must(["rig", "remove", "app", "--branches", "--json"])).json(
    z.object({ deleted: z.int(), branches: z.array(leftRef) }),
  );
  expect(removed.branches.map(({ state }) => state).toSorted()).toEqual(["gone", "kept"]);
  expect((await branches()).toSorted()).toEqual([moved, main].toSorted());
});
