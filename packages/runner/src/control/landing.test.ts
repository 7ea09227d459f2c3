/** Effects over the wire with real git: accepted with 202, their results by callback. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { newId } from "../ulid.ts";
import { Control, git, script, World } from "../testing/harness.ts";

let world: World;
let control: Control;
beforeEach(async () => {
  world = new World();
  await world.town.start();
  control = new Control(await world.runner());
  world.settleOnDone(() => control);
});
afterEach(() => world.close());

async function effect(path: string, body: object): Promise<object> {
  const effect_id = newId("effect");
  expect(await control.post(path, { effect_id, attempt: 1, ...body })).toEqual({
    status: 202,
    body: { accepted: true },
  });
  const find = () => world.town.effects.find((one) => one.effect === effect_id);
  return (await world.town.facts.until(`the result of ${path}`, find)).result;
}

describe("effects", () => {
  it("check, set up, make a branch, run gates and merge what a session made", async () => {
    const { rig } = world;
    const head = git(world.remote, "rev-parse", "main");
    expect((await control.post("/repos/check", { git_url: rig.git_url })).body).toMatchObject({
      ok: true,
      default_branch: "main",
      head_sha: head,
    });
    expect((await control.post("/repos/check", { git_url: `${rig.git_url}-not` })).body).toMatchObject({
      ok: false,
      problem: "unreachable",
    });
    expect(await effect("/repos/setup", { rig })).toEqual({
      outcome: "rig_ready",
      default_branch: "main",
      head_sha: head,
    });

    const branch = {
      rig,
      operation: "create",
      branch: "convoy/one",
      from: "refs/heads/main",
      expected_head: null,
    };
    expect(await effect("/git/branch", branch)).toEqual({ outcome: "branch_done", head_sha: head });

    const start = world.start(
      script({ steps: [{ write: { path: "a.txt", content: "a\n" } }, { commit: "Add a" }] }),
    );
    await control.post("/agents/start", start);
    await world.town.endOf(start.session_id);
    const reviewed_sha = String(world.town.settles[0]?.head_sha);
    const gates = [{ name: "there", command: "test -f a.txt", timeout_seconds: 20, required: true }];
    const shared = { rig, gates, env: {}, setup: [] };
    expect(await effect("/gates/run", { ...shared, head_sha: reviewed_sha })).toMatchObject({
      outcome: "gates_done",
      gates: [{ name: "there", exit_code: 0 }],
    });
    const update = { rig, target: "main", head_sha: reviewed_sha, check_head: null, author: start.author };
    expect(await effect("/git/update", { ...update, branch: start.branch })).toEqual({
      outcome: "branch_updated",
      head: reviewed_sha,
    });
    const merge = {
      ...shared,
      branch: start.branch,
      reviewed_sha,
      target: "main",
      method: "merge",
      message: { subject: "Land a", body: "" },
      author: start.author,
    };
    expect(await effect("/git/merge", merge)).toMatchObject({ outcome: "merged", already: false });
    expect(git(world.remote, "show", "main:a.txt")).toBe("a");
    expect(await control.call("DELETE", `/effects/${newId("effect")}`)).toMatchObject({ status: 202 });
  });
});
