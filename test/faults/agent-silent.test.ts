/**
 * The race: an agent that lives and says nothing, for ever. There is no exit to notice, its session's
 * lease is renewed by a runner that is well, and the cancel that the runner sends is not answered
 * either, so that nobody can know when its last tool call will have been.
 *
 * What must hold: the runner's quiet clock ends the turn; what does not end when it is asked to is
 * ended as a process; the session's end says why; and only then does the directory go on, with the
 * work that was in it.
 */
import { describe, expect, it } from "vitest";
import { git } from "../../apps/node/src/demo/git.ts";
import { everythingLanded } from "./proof.ts";
import type { Step } from "./script.ts";
import { startTown } from "./start-town.ts";
import type { TownProcess } from "./town-process.ts";

/** Longer than a slow machine needs between two signs of life of an agent that works. */
const timing = { quietMs: 5_000, cancelMs: 500 };

/** First silence, then what the silent one had begun. */
async function slingSilence(town: TownProcess, silence: readonly Step[]): Promise<string> {
  return town.sling("Speak or be replaced", {
    attempts: {
      1: [{ write: { path: "begun.txt", content: "begun\n" } }, ...silence],
      2: [{ run: "mv begun.txt done.txt" }, ...town.commit("Finish what was begun")],
    },
  });
}

async function replacedAndLanded(town: TownProcess, bead: string): Promise<void> {
  const [ended] = await town.seen("the silent session's end", ({ kind }) => kind === "session.ended");
  expect(ended).toMatchObject({ beadId: bead, data: { outcome: "failed", code: "agent_hung" } });
  expect(ended?.text).toContain("did not even answer a cancel");
  await town.land([bead]);
  expect((await town.bead(bead)).runFailures).toBe(1);
  await everythingLanded(town, [bead]);
  expect(await git(["show", "main:done.txt"], { cwd: town.remote })).toBe("begun");
}

describe("an agent that never answers", () => {
  it("is replaced after the quiet time, and its work goes on", async () => {
    const town = await startTown({ timing });
    const bead = await slingSilence(town, ["hang"]);
    await replacedAndLanded(town, bead);
  });

  it("is replaced also when its whole process stands still and hears no signal but the last", async () => {
    const town = await startTown({ timing });
    const last = "These are my last words.";
    const bead = await slingSilence(town, [town.notePid("agent"), { say: last }, "hang"]);
    const [{ sessionId } = {}] = await town.working([bead]);
    // Stopped while a tool runs it would count as busy: only what it says after it is silence.
    await town.heard(sessionId ?? "", last);
    process.kill(await town.pid("agent"), "SIGSTOP");
    await replacedAndLanded(town, bead);
  });
});
