/**
 * The race: the host is killed (-9) while agents work, and another one is started on the same data
 * directory. Nothing tells the agents: their runner lives on, their sessions' leases run, effects
 * are half done (claimed and not carried out, carried out and not recorded), answers of the runner
 * find nobody and wait in its outbox.
 *
 * What must hold: the next host finds the runner instead of starting a second one, or replaces it
 * where it reports to an address that is no more; no session of a runner that lives is taken for
 * lost or started twice; each piece of work lands exactly once.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { git } from "../../apps/node/src/demo/git.ts";
import { everythingLanded } from "./proof.ts";
import type { Script } from "./script.ts";
import { startTown } from "./start-town.ts";
import type { TownProcess } from "./town-process.ts";

const TASKS = [0, 1, 2, 3];
const config = { limits: { max_polecats_per_rig: TASKS.length }, review: { parallel_reviews: 2 } };

/**
 * `append`: a task that was done twice has two lines. An agent that is replaced in the middle begins
 * its steps again, though, so then it is `write`, and its commit shows what came twice.
 */
function task(town: TownProcess, i: number, how: "append" | "write", held: boolean): Script {
  const steps = [
    ...(held ? [{ wait_for: { file: goFile(town) } }] : []),
    { [how]: { path: `task-${i}.txt`, content: `line of task ${i}\n` } },
    ...town.commit(`Do task ${i}`),
  ];
  return { steps };
}

const goFile = (town: TownProcess): string => join(town.world.root, "go");

async function fourAtWork(how: "append" | "write"): Promise<{ town: TownProcess; beads: string[] }> {
  const town = await startTown({ config });
  const beads = await Promise.all(TASKS.map((i) => town.sling(`Task ${i}`, task(town, i, how, true))));
  await town.working(beads);
  return { town, beads };
}

async function eachLineOnce(town: TownProcess): Promise<void> {
  for (const i of TASKS)
    expect(await git(["show", `main:task-${i}.txt`], { cwd: town.remote })).toBe(`line of task ${i}`);
}

describe("a host that is killed", () => {
  it("with four sessions live, is followed by one that finds their runner and loses none", async () => {
    const { town, beads } = await fourAtWork("append");
    const runner = town.runner();
    await town.killHost();
    await town.up();
    writeFileSync(goFile(town), "");
    await town.land(beads);
    expect(town.runner()).toEqual(runner);
    const work = (await town.sessions()).filter(({ role }) => role === "polecat");
    expect(work.map(({ outcome }) => outcome)).toEqual(TASKS.map(() => "submitted"));
    await everythingLanded(town, beads);
    await eachLineOnce(town);
  });

  it("and comes back at another address, replaces the runner that cannot reach it", async () => {
    const { town, beads } = await fourAtWork("write");
    const runner = town.runner();
    await town.killHost();
    await town.up("127.0.0.1:0");
    writeFileSync(goFile(town), "");
    await town.land(beads);
    expect(town.runner().instance_id).not.toBe(runner.instance_id);
    await everythingLanded(town, beads);
    await eachLineOnce(town);
  });

  it("at each stage of the work, one after the other, still lands everything once", async () => {
    const town = await startTown({ config });
    const beads = await town.slingConvoy(
      "Four at once",
      Object.fromEntries(TASKS.map((i) => [`Task ${i}`, task(town, i, "append", false)])),
    );
    for (const stage of [
      "session.created",
      "session.settling",
      "review.started",
      "merge.started",
      "convoy.landing",
    ]) {
      await town.seen(stage, ({ kind }) => kind === stage);
      await town.killHost();
      await town.up();
    }
    await everythingLanded(town, beads, { convoys: 1 });
    await eachLineOnce(town);
  });
});
