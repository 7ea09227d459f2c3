/**
 * The race: the runner is killed (-9) while it pushes a merge to the target. The town has asked for
 * the merge and has no answer; the next runner is asked again; the first push may have happened, may
 * be gone, or may still be under way and come to its end long after.
 *
 * What must hold: the host notices at once and starts another runner; that one asks whether the head
 * has landed before it merges; and since every push names the head that it expects, the one that
 * comes second is refused by the remote. The work lands exactly once.
 */
import { describe, expect, it } from "vitest";
import { git } from "../../apps/node/src/demo/git.ts";
import { ENDINGS, pushCutOff } from "./push-cut-off.ts";

describe("a runner killed while it pushes a merge, whose push", () => {
  it.each(ENDINGS)("%s", async (ending) => {
    const town = await pushCutOff("refs/heads/main", ending, (one) => ({
      steps: [{ write: { path: "work.txt", content: "once\n" } }, ...one.commit("Do the work")],
    }));
    expect(await git(["show", "main:work.txt"], { cwd: town.remote })).toBe("once");
    const merges = await git(["rev-list", "--count", "--merges", "main"], { cwd: town.remote });
    expect(merges).toBe("1");
  });
});
