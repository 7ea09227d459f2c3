/**
 * The race: an agent ends its turn in the belief, or with the lie, that it has handed its work over.
 * Its process is well, the turn ended in order, and nothing of it is on the branch.
 *
 * What must hold: words count for nothing (decision 5). gt_done without a commit is told so; a turn
 * that ends without an outcome is asked once to finish; then the session is over, the attempt is
 * counted, and the next one may do better.
 */
import { describe, expect, it } from "vitest";
import { git } from "../../apps/node/src/demo/git.ts";
import { everythingLanded } from "./proof.ts";
import type { Step } from "./script.ts";
import { startTown } from "./start-town.ts";

/** Idle time of a polecat is two "minutes". */
const timing = { minuteMs: 300 };

/** The transcript of the attempt that claimed it. */
async function claimedThenDone(claim: readonly Step[]): Promise<string> {
  const town = await startTown({ timing });
  const bead = await town.sling("Claim it", {
    attempts: {
      1: claim,
      2: [{ write: { path: "done.txt", content: "really\n" } }, ...town.commit("Really do it")],
    },
  });
  const [ended] = await town.seen("the claimant's end", ({ kind }) => kind === "session.ended");
  expect(ended).toMatchObject({ beadId: bead, data: { outcome: "completed", code: "idle", workRef: null } });
  await town.land([bead]);
  expect(await town.bead(bead)).toMatchObject({ runFailures: 1, startFailures: 0 });
  const [first, second] = (await town.sessions(bead)).filter(({ role }) => role === "polecat");
  expect([first?.outcome, second?.outcome]).toEqual(["completed", "submitted"]);
  const said = await town.transcript(first?.id ?? "");
  await everythingLanded(town, [bead]);
  expect(await git(["show", "main:done.txt"], { cwd: town.remote })).toBe("really");
  return said;
}

describe("an agent that says it is done", () => {
  it("with nothing committed is told that there is nothing, and is not believed", async () => {
    const said = await claimedThenDone(["no_commit"]);
    expect(said).toContain("nothing_to_submit");
    expect(said).toContain("is not finished");
  });

  it("without calling gt_done is asked to finish, and is not believed", async () => {
    const said = await claimedThenDone(["lie"]);
    expect(said).not.toContain("gt_done was refused");
    expect(said).toContain("is not finished");
  });
});
