/** What the town no longer has: its directories go, but no work that is only here, and nothing that came since. */
import { existsSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { StartRequest } from "@gastown/protocol";
import { directoryMarker } from "../processes/reap.ts";
import { markedProcesses } from "../processes/process-table.ts";
import { git, script, World } from "../testing/harness.ts";
import type { Control } from "../testing/harness.ts";
import { SpawnedRunner } from "../testing/spawn-runner.ts";

let world: World;
let control: Control;
const runners: SpawnedRunner[] = [];
beforeEach(async () => {
  world = new World();
  await world.town.start();
  world.settleOnDone(() => control);
});
afterEach(async () => {
  for (const runner of runners.splice(0)) await runner.kill();
  for (const { pid } of markedProcesses(directoryMarker(world.root))) process.kill(pid, "SIGKILL");
  await world.close();
});

async function spawnRunner(): Promise<SpawnedRunner> {
  const runner = new SpawnedRunner(world);
  runners.push(runner);
  control = await runner.ready();
  return runner;
}

const said = (runner: SpawnedRunner, words: string): Promise<unknown> =>
  world.town.facts.until(words, () => runner.stderr.includes(words));
const slotOf = (start: StartRequest): string =>
  join(world.root, "git", "slots", start.agent.id, world.rig.id);
const mirror = (): string => join(world.root, "git", "mirrors", `${world.rig.id}.git`);

/** A session whose work is pushed. */
async function worked(name: string): Promise<StartRequest> {
  const start = world.start(script({ steps: [{ write: { path: `${name}.txt`, content: "x\n" } }] }));
  await control.post("/agents/start", start);
  await world.town.endOf(start.session_id);
  return start;
}

describe("a runner that boots", () => {
  it("removes the worktrees of agents and the clones of rigs that the town has no more", async () => {
    const first = await spawnRunner();
    const [stays, goes] = [await worked("a"), await worked("b")];
    await first.kill();
    world.town.known = { agents: [stays.agent.id], rigs: [world.rig.id] };
    const second = await spawnRunner();
    await said(second, "slot.forgotten");
    expect(existsSync(slotOf(goes))).toBe(false);
    expect(existsSync(slotOf(stays))).toBe(true);
    expect(git(mirror(), "worktree", "list")).not.toContain(goes.agent.id);
    // The slot that stays is used again, and a new one can be made beside it.
    const again = world.start(script({ steps: [{ write: { path: "c.txt", content: "x\n" } }] }), {
      agent: stays.agent,
    });
    await control.post("/agents/start", again);
    expect(await world.town.endOf(again.session_id)).toMatchObject({ outcome: "completed" });
    await worked("d");
    await second.kill();

    world.town.known = { agents: [], rigs: [] };
    const third = await spawnRunner();
    await said(third, "mirror.forgotten");
    expect(existsSync(slotOf(stays))).toBe(false);
    expect(existsSync(mirror())).toBe(false);
    // A rig and an agent that are new since then are none of it.
    expect(await worked("e").then(slotOf).then(existsSync)).toBe(true);
  });

  it("keeps what could not be saved, with its rig", async () => {
    const first = await spawnRunner();
    const steps = [{ write: { path: "half.txt", content: "half\n" } }, "hang"];
    const start = world.start(script({ steps }));
    await control.post("/agents/start", start);
    const file = join(slotOf(start), "half.txt");
    await world.town.facts.until("its file", () => existsSync(file));
    await first.kill();
    renameSync(world.remote, `${world.remote}.away`);
    world.town.known = { agents: [], rigs: [] };
    const second = await spawnRunner();
    await said(second, "disk.tidied");
    await second.kill();
    expect(existsSync(file)).toBe(true);
    expect(existsSync(mirror())).toBe(true);
    renameSync(`${world.remote}.away`, world.remote);
    const third = await spawnRunner();
    await said(third, "mirror.forgotten");
    expect(existsSync(slotOf(start))).toBe(false);
    expect(git(world.remote, "for-each-ref", "refs/gastown/wip")).toContain(start.session_id);
  });

  it("keeps what it cannot tell to be saved, because its record cannot be read", async () => {
    const first = await spawnRunner();
    const start = await worked("a");
    await first.kill();
    writeFileSync(join(world.root, "slots", start.agent.id, "session.json"), "{");
    world.town.known = { agents: [], rigs: [] };
    await said(await spawnRunner(), "disk.tidied");
    expect(existsSync(slotOf(start))).toBe(true);
    expect(existsSync(mirror())).toBe(true);
  });
});
