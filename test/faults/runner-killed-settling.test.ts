/**
 * The race: the runner is killed (-9) while it pushes an agent's work, because the agent called
 * gt_done (a settle), or because the agent died and its work is being saved. The agent ends with its
 * runner, its session lives on in the town, the commits are in a worktree that nobody owns.
 *
 * What must hold: the next runner finds that worktree as it was, takes the session up, and pushes the
 * same head; the remote having it already is success. Nothing is committed a second time, and no
 * worktree is given on before its work is safe.
 */
import { describe, expect, it } from "vitest";
import { git } from "../../apps/node/src/demo/git.ts";
import { ENDINGS, pushCutOff } from "./push-cut-off.ts";

describe("a runner killed while it pushes what an agent handed over, whose push", () => {
  it.each(ENDINGS)("%s", async (ending) => {
    const town = await pushCutOff("refs/heads/gt/*", ending, (one) => ({
      steps: [
        { write: { path: "work.txt", content: "once\n" } },
        ...one.commit("Do the work"),
        // Left uncommitted: the settle itself commits it.
        { write: { path: "rest.txt", content: "the rest\n" } },
      ],
    }));
    expect(await git(["show", "main:work.txt"], { cwd: town.remote })).toBe("once");
    expect(await git(["show", "main:rest.txt"], { cwd: town.remote })).toBe("the rest");
    const count = await git(["rev-list", "--count", "--no-merges", "main"], { cwd: town.remote });
    expect(count).toBe("3");
  });
});

describe("a runner killed while it saves what a dead agent left, whose push", () => {
  it.each(ENDINGS)("%s", async (ending) => {
    const town = await pushCutOff("refs/gastown/wip/*", ending, (one) => ({
      attempts: {
        1: [
          { write: { path: "half.txt", content: "half\n" } },
          // Where the session is taken up again, its agent does this once more, and it is done already.
          { run: "git add half.txt && (git diff --cached --quiet || git commit -qm 'Do half')" },
          { write: { path: "dirty.txt", content: "dirty\n" } },
          "crash",
        ],
        2: [{ run: "cat half.txt dirty.txt > whole.txt" }, ...one.commit("Do the rest")],
      },
    }));
    expect(await git(["show", "main:whole.txt"], { cwd: town.remote })).toBe("half\ndirty");
  });
});
