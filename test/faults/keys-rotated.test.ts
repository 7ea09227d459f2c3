/**
 * The race: a host is killed and started again with another signing key while agents work. Their runner
 * lives on with a credential of the old key, which is as good as expired.
 *
 * What must hold: the next host hands the runner a new credential by itself, everything that agents and
 * runner say counts as before, and nobody is restarted for it: neither the runner nor an agent.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, expect, it } from "vitest";
import { dataDir } from "../../apps/node/src/host/data-dir.ts";
import { everythingLanded } from "./proof.ts";
import { startTown } from "./start-town.ts";
import type { TownProcess } from "./town-process.ts";

function rotateKey(town: TownProcess): void {
  const file = dataDir(town.world.dataDir).keys;
  const stored = JSON.parse(readFileSync(file, "utf8"));
  const key = { kid: "rotated", secret: Buffer.alloc(32, "rotated").toString("base64") };
  writeFileSync(file, JSON.stringify({ ...stored, keys: [key, ...stored.keys] }));
}

/** How often the runner has logged this. */
function logged(town: TownProcess, event: string): number {
  const folder = dataDir(town.world.dataDir).runner(basename(town.townPath));
  const lines = readFileSync(join(folder, "runner.log"), "utf8").split("\n");
  return lines.filter((line) => line.includes(`"event":"${event}"`)).length;
}

describe("a host that comes back with another key", () => {
  it("gives the runner that it finds a new credential, and restarts neither it nor its agents", async () => {
    const town = await startTown();
    const go = join(town.world.root, "go");
    const bead = await town.sling("Work for long", {
      steps: [
        town.notePid("agent"),
        { wait_for: { file: go } },
        { write: { path: "a.txt", content: "a\n" } },
        ...town.commit("Work for long"),
      ],
    });
    await town.working([bead]);
    const agent = await town.pid("agent");
    const runner = town.runner();
    await town.killHost();
    rotateKey(town);
    await town.up();
    writeFileSync(go, "");
    await town.land([bead]);
    expect(town.runner()).toEqual(runner);
    expect(() => process.kill(agent, 0)).not.toThrow();
    expect([logged(town, "runner.booted"), logged(town, "credential.renewed")]).toEqual([1, 1]);
    const polecats = (await town.sessions()).filter(({ role }) => role === "polecat");
    expect(polecats.map(({ outcome }) => outcome)).toEqual(["submitted"]);
    await everythingLanded(town, [bead]);
  });
});
