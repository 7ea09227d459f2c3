/**
 * The race: two agents change the same line, each on a branch from the same commit, each right for
 * itself. Whoever lands second meets a target that it never saw.
 *
 * What must hold: the second merge is a conflict and not an overwriting; one conflict bead is made
 * for it, on its branch; what it resolves is looked at anew and lands; both sides' lines are there,
 * each agent's commit is in the history once.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { git } from "../../apps/node/src/demo/git.ts";
import { everythingLanded } from "./proof.ts";
import { startTown } from "./start-town.ts";

const NAMES = ["first", "second"];

it("two agents that change the same lines end with both sides' lines", async () => {
  const town = await startTown({ files: { "list.txt": "above\nplaceholder\nbelow\n" } });
  const go = join(town.world.root, "go");
  const beads = await Promise.all(
    NAMES.map((name) =>
      town.sling(`Put in the ${name}`, {
        steps: [
          { wait_for: { file: go } },
          { write: { path: "list.txt", content: `above\nline of the ${name}\nbelow\n` } },
          ...town.commit(`Put the ${name} in place`),
        ],
      }),
    ),
  );
  await town.working(beads);
  writeFileSync(go, "");
  await town.land(beads);
  expect(await town.fixes("conflict")).toMatchObject([{ reason: "pushed" }]);
  expect((await town.events()).filter(({ kind }) => kind === "merge.conflict")).toHaveLength(1);
  await everythingLanded(town, beads);
  const lines = (await git(["show", "main:list.txt"], { cwd: town.remote })).split("\n");
  expect(lines.toSorted()).toEqual(["above", "below", "line of the first", "line of the second"]);
});
