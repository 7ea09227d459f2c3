/**
 * The race: the provider's limit is reached while an agent works, and the town goes on handing out work. To
 * the town a refused turn looks like a failed one, and each attempt runs into the same limit.
 *
 * What must hold: the session at work waits and repeats its turn; what is to start meanwhile is refused
 * without a process of its own and comes back; both say why in a sentence; and everything lands in one
 * attempt, with nothing counted.
 */
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { everythingLanded } from "./proof.ts";
import { startTown } from "./start-town.ts";

describe("a model whose limit is reached", () => {
  it("is waited for by the one that works and by those that would start, and no attempt is counted", async () => {
    const town = await startTown();
    const limit = join(town.world.root, "limit");
    writeFileSync(limit, "");
    const words = "429 Too Many Requests: rate limit reached. Please try again in 2s.";
    const first = await town.sling("Meet the limit", {
      steps: [
        { model_error: { while: limit, text: words } },
        { run: "echo a > a.txt" },
        ...town.commit("Meet it"),
      ],
    });
    await town.seen("the first to wait", ({ kind }) => kind === "session.model_wait");
    const second = await town.sling("Come later", {
      steps: [{ run: "echo b > b.txt" }, ...town.commit("Come later")],
    });
    await town.seen("the second's refusal", ({ kind, reason }) => {
      return kind === "agent.dispatch_failed" && reason === "model_unavailable";
    });
    const why = async (id: string): Promise<string> => (await town.world.must(["bead", "why", id])).stdout;
    expect(await why(first)).toMatch(/is in progress: .* waits for its model \(Scripted agent\): .*429/s);
    expect(await why(second)).toMatch(/waits for its model: Scripted agent does not answer now: .*429/s);
    const [session] = await town.sessions(first);
    expect(session?.waitingOn).toMatchObject({ code: "model_quota" });

    rmSync(limit);
    await town.land([first, second]);
    for (const id of [first, second])
      expect(await town.bead(id)).toMatchObject({ startFailures: 0, runFailures: 0 });
    expect(await town.sessions(first)).toMatchObject([{ outcome: "submitted" }]);
    const outcomes = (await town.sessions(second)).map(({ outcome }) => outcome);
    expect(outcomes.at(-1)).toBe("submitted");
    expect(new Set(outcomes.slice(0, -1))).toEqual(new Set(["refused"]));
    await everythingLanded(town, [first, second]);
  });
});
