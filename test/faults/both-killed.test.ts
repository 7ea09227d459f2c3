/**
 * The race: host and runner are killed (-9) in the same moment, as by a machine that runs out of
 * memory. Nobody is left who would end the agents: one that stands still does not notice that its
 * runner is gone, a tool's child has left every process group, and all of them could still write
 * into worktrees and call the town's tools when they wake up.
 *
 * What must hold: after `up` on the same data directory they are gone before anybody gets their
 * directories; their sessions are taken up; everything lands, nothing twice.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { git } from "../../apps/node/src/demo/git.ts";
import { isRunning, processStart } from "../../apps/node/src/host/process-identity.ts";
import { everythingLanded } from "./proof.ts";
import { ENDINGS, pushCutOff } from "./push-cut-off.ts";
import { startTown } from "./start-town.ts";
import type { TownProcess } from "./town-process.ts";

const TASKS = [0, 1, 2, 3];

interface Process {
  readonly pid: number;
  readonly start: string;
}

async function noted(town: TownProcess, name: string): Promise<Process> {
  const pid = await town.pid(name);
  return { pid, start: processStart(pid) ?? "it has ended already" };
}

describe("host and runner killed at once", () => {
  it("with four sessions live, are followed by ones that end what was left and land all of it", async () => {
    const town = await startTown({ config: { limits: { max_polecats_per_rig: TASKS.length } } });
    const go = join(town.world.root, "go");
    const beads = await Promise.all(
      TASKS.map((i) =>
        town.sling(`Task ${i}`, {
          steps: [
            { write: { path: `task-${i}.txt`, content: `line of task ${i}\n` } },
            town.notePid(`agent-${i}`),
            town.leaveProcess(`tool-${i}`),
            { wait_for: { file: go } },
            ...town.commit(`Do task ${i}`),
          ],
        }),
      ),
    );
    const names = TASKS.flatMap((i) => [`agent-${i}`, `tool-${i}`]);
    const left = await Promise.all(names.map((name) => noted(town, name)));
    for (const [at, { pid }] of left.entries())
      if (names[at]?.startsWith("agent")) process.kill(pid, "SIGSTOP");
    await town.killBoth();
    expect(left.filter(isRunning)).toEqual(left);
    await town.up();
    await town.seen("another runner", ({ kind }) => kind === "runner.registered", 2);
    expect(left.filter(isRunning)).toEqual([]);
    writeFileSync(go, "");
    await everythingLanded(town, beads);
    for (const i of TASKS)
      expect(await git(["show", `main:task-${i}.txt`], { cwd: town.remote })).toBe(`line of task ${i}`);
  });

  it.each(ENDINGS)("in the middle of a push that %s, land its work once", async (ending) => {
    const town = await pushCutOff(
      "refs/heads/main",
      ending,
      (one) => ({
        steps: [{ write: { path: "work.txt", content: "once\n" } }, ...one.commit("Do the work")],
      }),
      { withHost: true },
    );
    expect(await git(["show", "main:work.txt"], { cwd: town.remote })).toBe("once");
  });
});
