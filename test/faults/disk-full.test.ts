// cspell:ignore prlimit fsize
/**
 * The race: the disk fills up under a host that works. What it decides cannot be stored, the marks of its
 * wake index neither; answers of its runner come and cannot be kept.
 *
 * What must hold: it says what happened and what to do, once, and to whoever asks for something; it changes
 * nothing that it cannot store; it lives; and when there is space again it goes on by itself and lands all.
 *
 * The full disk here is a limit of the host's process (no file may grow): every write into any file of it
 * fails at the system's boundary, and it can be lifted while it runs, by any user. The system's word is
 * "file too large" instead of "no space left", which SQLite tells as a failed write; that it ends a
 * transaction where SQLite itself finds no more pages is proved in `apps/node/src/storage/node-sql.test.ts`.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beadShape, townShape } from "@gastown/protocol";
import { describe, expect, it } from "vitest";
import { git } from "../../apps/node/src/demo/git.ts";
import { everythingLanded } from "./proof.ts";
import { bodyOf } from "./script.ts";
import { startTown } from "./start-town.ts";

/** An agent that could not hand its work over, and gave up, is idle for two "minutes" before it is replaced. */
const timing = { minuteMs: 300 };
const canLimit = spawnSync("prlimit", ["--version"]).status === 0;

function limitWrites(pid: number, soft: "0" | "unlimited"): void {
  execFileSync("prlimit", ["--pid", String(pid), `--fsize=${soft}:unlimited`]);
}

describe("a disk that is full", () => {
  it.skipIf(!canLimit)(
    "(needs `prlimit`, which Linux has) is told, loses nothing, and is got over",
    async () => {
      const town = await startTown({ timing });
      const go = join(town.world.root, "go");
      const bead = await town.sling("Work", {
        steps: [
          { write: { path: "work.txt", content: "once\n" } },
          { wait_for: { file: go } },
          ...town.commit("Do the work"),
        ],
        attempts: { 2: [] },
      });
      await town.working([bead]);
      limitWrites(town.host.pid, "0");
      const body = { title: "Refused", body: bodyOf({}), start: true };
      const refused = town.api().post(beadShape, `${town.rigPath}/beads`, body);
      await expect(refused).rejects.toMatchObject({
        code: "storage_busy",
        message: expect.stringMatching(/disk.*nothing was changed.*it goes on by itself/),
      });
      await town.host.said("a tick failed: The disk");
      // Its agent finishes meanwhile: what the runner and the agent report is not taken.
      writeFileSync(go, "");
      await expect(town.api().post(beadShape, `${town.rigPath}/beads`, body)).rejects.toMatchObject({
        code: "storage_busy",
      });
      expect(await town.api().get(townShape, town.townPath)).toMatchObject({ paused: false });
      limitWrites(town.host.pid, "unlimited");
      await town.land([bead]);
      await town.host.said("The town goes on.");
      const titles = (await town.events())
        .filter(({ kind }) => kind === "bead.created")
        .map(({ text }) => text);
      expect(titles.join("\n")).not.toContain("Refused");
      await everythingLanded(town, [bead]);
      expect(await git(["show", "main:work.txt"], { cwd: town.remote })).toBe("once");
    },
  );
});
