/**
 * The race: a person changes the town's settings while its mayor waits between two messages and an agent
 * works. Both run in one process, which has the old settings and cannot be given new ones.
 *
 * What must hold: the mayor's next turn has the new settings in the same session and the same
 * conversation, the agent's turn goes on in the process in which it began and lands, and that process
 * ends by itself when nobody is left in it. What is removed from the settings is gone everywhere.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { dataDir } from "../../apps/node/src/host/data-dir.ts";
import { everythingLanded } from "./proof.ts";
import { bodyOf } from "./script.ts";
import { startTown } from "./start-town.ts";
import type { TownProcess } from "./town-process.ts";

/** Pids in the runner's log of agent processes that did this, in order. */
function processes(town: TownProcess, event: "agent.process_started" | "agent.process_ended"): number[] {
  const folder = dataDir(town.world.dataDir).runner(basename(town.townPath));
  const log = readFileSync(join(folder, "runner.log"), "utf8");
  return [...log.matchAll(new RegExp(`"event":"${event}"[^\\n]*?"pid":(\\d+)`, "g"))].map(([, pid]) =>
    Number(pid),
  );
}

describe("settings that change while a mayor waits and an agent works", () => {
  it("move the one with its conversation, leave the other to its turn, and are taken away again", async () => {
    const store = mkdtempSync(join(tmpdir(), "gastown-conversations-"));
    onTestFinished(() => rmSync(store, { recursive: true, force: true }));
    const town = await startTown({ env: { SCRIPTED_STORE: store } });
    const seen = join(town.world.root, "seen");
    const look = bodyOf({
      steps: [{ run: `echo "turn $SCRIPTED_TURN color \${COLOR:-none}" >> '${seen}'` }],
    });
    const ask = async (): Promise<string | undefined> => {
      await town.world.must(["mayor", look, "--timeout", "250"]);
      return readFileSync(seen, "utf8").trim().split("\n").at(-1);
    };
    expect(await ask()).toBe("turn 1 color none");
    const go = join(town.world.root, "go");
    const bead = await town.sling("Work on", {
      steps: [
        { wait_for: { file: go } },
        { run: "echo ${COLOR:-none} > color.txt" },
        ...town.commit("Work on"),
      ],
    });
    await town.working([bead]);
    expect(processes(town, "agent.process_started")).toHaveLength(1);

    await town.world.must(["config", "set", "env.COLOR=green"]);
    expect(await ask()).toBe("turn 2 color green");
    await town.world.must(["config", "unset", "env.COLOR"]);
    expect(await ask()).toBe("turn 3 color none");
    const [first] = processes(town, "agent.process_started");
    expect(processes(town, "agent.process_ended")).not.toContain(first);

    writeFileSync(go, "");
    await town.land([bead]);
    const sessions = await town.sessions();
    expect(sessions.filter(({ role }) => role === "mayor")).toHaveLength(1);
    expect(sessions.filter(({ role }) => role === "polecat")).toMatchObject([{ outcome: "submitted" }]);
    await everythingLanded(town, [bead]);
  });
});
