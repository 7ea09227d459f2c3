/**
 * The race: work that looks finished breaks what the repository checks. Either its own head is red,
 * or two heads that are green alone are red together, which nobody can see before the second merges.
 *
 * What must hold: nothing red reaches the target; the one whose merge is red is sent back with the
 * gate's log, as one rework bead, and lands when the content really is right.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { git } from "../../apps/node/src/demo/git.ts";
import { everythingLanded } from "./proof.ts";
import { startTown } from "./start-town.ts";
import type { TownProcess } from "./town-process.ts";

/** Red by content: a file that says so, or more lines in all parts than are allowed. */
const GATE = 'test "$(cat value.txt)" = good && test "$(cat part-*.txt | wc -l)" -le 3';
const files = { "value.txt": "good\n", "part-0.txt": "zero\n" };
const config = { review: { gates: [GATE], parallel_reviews: 2 } };

/** No commit of the target's own line is red. */
async function neverRed(town: TownProcess): Promise<void> {
  const commits = (await git(["rev-list", "--first-parent", "main"], { cwd: town.remote })).split("\n");
  for (const commit of commits.slice(0, -1)) {
    expect(await git(["show", `${commit}:value.txt`], { cwd: town.remote })).toBe("good");
    const tree = await git(["ls-tree", "--name-only", commit], { cwd: town.remote });
    const parts = tree.split("\n").filter((name) => name.startsWith("part-"));
    const texts = await Promise.all(
      parts.map((name) => git(["show", `${commit}:${name}`], { cwd: town.remote })),
    );
    expect(texts.flatMap((text) => text.split("\n")).filter(Boolean).length).toBeLessThanOrEqual(3);
  }
}

it("a red head goes back before anybody reviews it, and lands when it is green", async () => {
  const town = await startTown({ files, config });
  const bead = await town.sling("Break it first", {
    steps: [{ write: { path: "value.txt", content: "broken\n" } }, ...town.commit("Break the value")],
    rework: [
      { write: { path: "value.txt", content: "good\n" } },
      { write: { path: "part-1.txt", content: "one\n" } },
      ...town.commit("Mend the value"),
    ],
  });
  const [begun] = await town.seen("a review", ({ kind }) => kind === "review.started");
  const [mended] = await town.seen(
    "the rework's session",
    ({ kind, text }) => kind === "review.submitted" && text.includes("changes"),
  );
  expect(mended?.seq).toBeLessThan(begun?.seq ?? 0);
  await town.land([bead]);
  expect(await town.fixes("rework")).toMatchObject([{ reason: "pushed" }]);
  await everythingLanded(town, [bead]);
  await neverRed(town);
});

it("two heads that are red only together land one after the other, the second reworked", async () => {
  const town = await startTown({ files, config });
  const go = join(town.world.root, "go");
  const beads = await Promise.all(
    ["one", "two"].map((name) =>
      town.sling(`Add part ${name}`, {
        steps: [
          { wait_for: { file: go } },
          { write: { path: `part-${name}.txt`, content: `${name}\n${name} again\n` } },
          ...town.commit(`Write part ${name}`),
        ],
        rework: [
          "merge_target",
          { write: { path: `part-${name}.txt`, content: "" } },
          { write: { path: `shrunk-${name}.txt`, content: "yes\n" } },
          ...town.commit(`Make part ${name} smaller`),
        ],
      }),
    ),
  );
  await town.working(beads);
  writeFileSync(go, "");
  await town.land(beads);
  expect(await town.fixes("rework")).toMatchObject([{ reason: "pushed" }]);
  await everythingLanded(town, beads);
  await neverRed(town);
  const tree = await git(["ls-tree", "--name-only", "main"], { cwd: town.remote });
  expect(tree.match(/shrunk-/g)).toHaveLength(1);
});
