/**
 * A session that is resumed where its worktree is not any more (spec/runner.md §2): on another disk, or
 * after somebody tidied up. The failures: work that had reached the remote is done again, work that had
 * not is called done, and an empty directory is saved as though the agent had deleted everything.
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { StartRequest } from "@gastown/protocol";
import { createGitWorkspace, GitFailure } from "../git/index.ts";
import { Control, git, script, World } from "../testing/harness.ts";
import { newId } from "../ulid.ts";

let world: World;
beforeEach(async () => {
  world = new World();
  await world.town.start();
});
afterEach(() => world.close());

/** A commit on that branch of the remote, by whoever. */
function pushed(branch: string): string {
  const at = join(world.dir, "seed");
  git(at, "checkout", "--quiet", "-B", branch, "main");
  git(at, "commit", "--quiet", "--allow-empty", "-m", "Work");
  git(at, "push", "--quiet", "--force", "origin", branch);
  return git(at, "rev-parse", "HEAD");
}

function settling(head_sha: string | null): StartRequest {
  const start = world.start(script({ steps: ["hang"] }), {
    settling: { settle_id: newId("settle"), head_sha },
  });
  world.town.desired = [start];
  return start;
}

const endOf = ({ session_id }: StartRequest) => world.town.endOf(session_id);
const agents = () => world.logs.filter(({ event }) => event === "agent.process_started");

describe("a settling session whose worktree is gone", () => {
  it("is pushed where the remote has the head that its settle had named, without any agent's help", async () => {
    const start = settling(null);
    const head = pushed(start.branch ?? "");
    world.town.desired = [{ ...start, settling: { settle_id: newId("settle"), head_sha: head } }];
    await world.runner();
    expect(await endOf(start)).toMatchObject({ outcome: "completed", reason: { code: "settled" } });
    expect(world.town.settles).toMatchObject([
      { session: start.session_id, result: "pushed", head_sha: head, branch: start.branch },
    ]);
    expect(world.town.calls).toEqual([]);
  });

  it.each([
    ["another head", "0".repeat(40)],
    ["a branch, and nothing is known of what was committed", null],
  ])("is lost where the remote has %s", async (_name, head) => {
    const start = settling(head);
    pushed(start.branch ?? "");
    const runner = await world.runner();
    expect(await endOf(start)).toMatchObject({ outcome: "lost", reason: { code: "worktree_lost" } });
    expect(world.town.settles).toEqual([]);
    expect(world.town.calls).toEqual([]);
    expect((await new Control(runner).get("/ready")).body).toMatchObject({ phase: "ready" });
  });

  it("is lost where the remote has no such branch", async () => {
    const start = settling("1".repeat(40));
    await world.runner();
    expect(await endOf(start)).toMatchObject({ outcome: "lost" });
  });

  it("waits for a remote that does not answer, and the same settle that is asked meanwhile attaches", async () => {
    const start = settling(null);
    const head = pushed(start.branch ?? "");
    const settle_id = newId("settle");
    world.town.desired = [{ ...start, settling: { settle_id, head_sha: head } }];
    const asked = Promise.withResolvers<undefined>();
    const answer = Promise.withResolvers<undefined>();
    let tries = 0;
    const runner = await world.booting({}, (options) => {
      const real = createGitWorkspace(options);
      return {
        ...real,
        head: async (rig, branch, signal) => {
          tries += 1;
          asked.resolve(undefined);
          if (tries === 1)
            throw new GitFailure({ phase: "repository", code: "network", message: "", action: "" });
          await answer.promise;
          return real.head(rig, branch, signal);
        },
      };
    });
    await asked.promise;
    const epoch = world.town.heartbeats.at(-1)?.sessions[0]?.epoch ?? 0;
    const body = { settle_id, epoch, no_changes: false, message: "Work" };
    const taken = await new Control(runner).post(`/agents/${start.session_id}/settle`, body);
    expect(taken).toEqual({ status: 202, body: { accepted: true, head_sha: null } });
    answer.resolve(undefined);
    expect(await endOf(start)).toMatchObject({ outcome: "completed" });
    expect(world.town.settles).toMatchObject([{ settle_id, result: "pushed", head_sha: head }]);
  });
});

describe("a worktree whose directory somebody has removed", () => {
  it("has its files again, and its commits: nothing is saved as deleted", async () => {
    const control = new Control(await world.runner());
    const steps = [
      { write: { path: "kept.txt", content: "kept\n" } },
      { commit: { message: "Keep this" } },
      { say: "committed" },
      "hang",
    ];
    const start = world.start(script({ steps }));
    await control.post("/agents/start", start);
    await world.town.facts.until("its commit", () => world.town.said(start.session_id).includes("committed"));
    rmSync(join(world.root, "git", "slots", start.agent.id, world.rig.id), { recursive: true });
    await control.post(`/agents/${start.session_id}/stop`, { epoch: start.epoch, mode: "now" });
    const { work_ref } = await endOf(start);
    expect(work_ref).toBe(`refs/gastown/wip/${start.session_id}`);
    expect(git(world.remote, "ls-tree", "--name-only", work_ref ?? "").split("\n")).toEqual([
      "README.md",
      "kept.txt",
    ]);

    const again = world.start(script({ steps: [{ run: "ls > ../seen" }, "hang"] }), {
      agent: start.agent,
      start_point: work_ref,
    });
    await control.post("/agents/start", again);
    await world.town.facts.until("its turn", () => agents().length > 0 && world.town.calls.length > 1);
    expect(world.town.ended).toHaveLength(1);
  });
});
