/**
 * The race: an agent's process dies in the middle of a turn, with a commit that it has not pushed
 * and a file that it has not committed. Nobody calls gt_done, the turn never ends, its tools'
 * children live on; and the process may have served other sessions too, whose turns die with it.
 *
 * What must hold: the session ends with that reason, its unfinished work is on the remote before
 * anybody gets its directory, and the next attempt begins where the work was saved.
 */
import { describe, expect, it } from "vitest";
import { git } from "../../apps/node/src/demo/git.ts";
import { everythingLanded } from "./proof.ts";
import { startTown } from "./start-town.ts";

describe("an agent that dies in the middle of a turn", () => {
  it.each(["kill", "exit"])("(%s) is followed by one that begins with its work", async (how) => {
    const town = await startTown();
    const bead = await town.sling("Half and whole", {
      attempts: {
        1: [
          { write: { path: "half.txt", content: "half\n" } },
          ...town.commit("Do half"),
          { write: { path: "dirty.txt", content: "not committed\n" } },
          { crash: { how } },
        ],
        2: [{ run: "cat half.txt dirty.txt > whole.txt" }, ...town.commit("Do the rest")],
      },
    });
    const [ended] = await town.seen("the first attempt's end", ({ kind }) => kind === "session.ended");
    expect(ended).toMatchObject({ beadId: bead, data: { outcome: "failed", code: "agent_exited" } });
    const workRef = String(ended?.data["workRef"]);
    expect(await git(["show", `${workRef}:dirty.txt`], { cwd: town.remote })).toBe("not committed");
    await everythingLanded(town, [bead]);
    expect(await git(["show", "main:whole.txt"], { cwd: town.remote })).toBe("half\nnot committed");
  });

  it("takes a neighbour in the same process with it, and both are done in the end", async () => {
    const town = await startTown();
    const neighbour = await town.sling("Neighbour", {
      attempts: {
        1: [
          { write: { path: "neighbour.txt", content: "begun\n" } },
          { run: `touch '${town.world.root}/there'` },
          "hang",
        ],
        2: [
          { append: { path: "neighbour.txt", content: "done\n" } },
          ...town.commit("Do the neighbour's work"),
        ],
      },
    });
    const dying = await town.sling("Dying", {
      attempts: {
        1: [{ wait_for: { file: `${town.world.root}/there` } }, "crash"],
        2: [{ write: { path: "dying.txt", content: "done\n" } }, ...town.commit("Do the dying one's work")],
      },
    });
    await everythingLanded(town, [neighbour, dying]);
    expect(await git(["show", "main:neighbour.txt"], { cwd: town.remote })).toBe("begun\ndone");
  });
});
