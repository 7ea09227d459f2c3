/**
 * The race: somebody ends the runner (SIGTERM, as a person or a system's shutdown does) while one
 * agent is about to finish and another hangs and will never end its turn; then once more, because it
 * takes too long.
 *
 * What must hold: who finishes in time is not disturbed; what the other had done is on the remote
 * before its runner is gone, its bead is open again with that ref noted and nothing counted against
 * it; nothing is given to the runner that goes; and the next one begins where the work was saved.
 */
import { describe, expect, it } from "vitest";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { git } from "../../apps/node/src/demo/git.ts";
import { isRunning } from "../../apps/node/src/host/process-identity.ts";
import { everythingLanded } from "./proof.ts";
import { startTown } from "./start-town.ts";

describe("a runner that is ended with SIGTERM, and again", () => {
  it("lets one finish, evicts the other with its work saved, and the next runner goes on with that", async () => {
    const town = await startTown({ timing: { cancelMs: 60_000 } });
    const go = join(town.world.root, "go");
    const finishing = await town.sling("Finish in time", {
      steps: [
        { say: "nearly there" },
        { wait_for: { file: go } },
        { write: { path: "finished.txt", content: "in time\n" } },
        ...town.commit("Finish in time"),
      ],
    });
    const hanging = await town.sling("Half and whole", {
      attempts: {
        1: [
          { write: { path: "half.txt", content: "half\n" } },
          ...town.commit("Do half"),
          { write: { path: "dirty.txt", content: "not committed\n" } },
          { say: "stuck" },
          "hang",
        ],
        2: [{ run: "cat half.txt dirty.txt > whole.txt" }, ...town.commit("Do the rest")],
      },
    });
    await town.working([finishing, hanging]);
    const [[first], [second]] = await Promise.all([town.sessions(finishing), town.sessions(hanging)]);
    await town.heard(first?.id ?? "", "nearly there");
    await town.heard(second?.id ?? "", "stuck");
    const runner = town.runner();

    process.kill(runner.pid, "SIGTERM");
    await town.seen("the drain", ({ kind }) => kind === "runner.drain_started");
    // Nothing is given to a runner that goes, and the bead that waits says so.
    const late = await town.sling("Late", { steps: town.commit("Nothing") });
    expect((await town.bead(late)).waitingOn).toMatchObject({ code: "draining" });
    writeFileSync(go, "");
    await town.seen("the end of who finished", ({ kind, beadId, data }) => {
      return kind === "session.ended" && beadId === finishing && data["outcome"] === "submitted";
    });

    process.kill(runner.pid, "SIGTERM");
    const [ended] = await town.seen("the eviction", ({ kind, beadId }) => {
      return kind === "session.ended" && beadId === hanging;
    });
    expect(ended).toMatchObject({ data: { outcome: "evicted", code: "drained" } });
    const workRef = String(ended?.data["workRef"]);
    expect(await git(["show", `${workRef}:dirty.txt`], { cwd: town.remote })).toBe("not committed");
    await town.seen("the next runner", ({ kind }) => kind === "runner.registered", 2);
    expect(isRunning({ pid: runner.pid, start: runner.start_time })).toBe(false);

    await town.until("the second attempt", async () => {
      return (await town.sessions(hanging)).length > 1 ? true : undefined;
    });
    expect(await town.bead(hanging)).toMatchObject({ startFailures: 0, runFailures: 0, workRefs: [workRef] });
    await town.world.must(["bead", "close", late]);
    await town.land([finishing, hanging]);
    const starts = (await town.events()).filter(({ kind }) => kind === "agent.dispatch_failed");
    expect(starts).toEqual([]);
    await everythingLanded(town, [finishing, hanging]);
    expect(await git(["show", "main:whole.txt"], { cwd: town.remote })).toBe("half\nnot committed");
  });
});
