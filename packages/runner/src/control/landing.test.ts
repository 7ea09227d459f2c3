/** Effects over the wire with real git: accepted with 202, their results by callback. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { StartRequest } from "@gastown/protocol";
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

/** What a page shows of that work: the branch, the session's own tree, the gate's log. */
async function shown(start: StartRequest, head: string, log: string): Promise<void> {
  const { id, name, git_url, default_branch } = world.rig;
  const rig = { rig_id: id, rig_name: name, git_url, default_branch };
  const diff = (more: Record<string, string> = {}) => {
    const between = { base: "refs/heads/main", head, from: "merge_base" };
    return control.get(`/git/diff?${new URLSearchParams({ ...rig, ...between, ...more }).toString()}`);
  };
  const files = {
    stat: { files: 1, additions: 1, deletions: 0 },
    files: [{ path: "a.txt", status: "added" }],
  };
  expect(await diff()).toMatchObject({ status: 200, body: { ...files, head } });
  const patch = await diff({ view: "patch", path: "a.txt" });
  expect(patch.body).toMatch(/^diff --git a\/a\.txt b\/a\.txt\n[^]*\+a\n$/);
  const tree = await control.get(`/agents/${start.session_id}/diff`);
  expect(tree).toMatchObject({ status: 200, body: { ...files, head: null } });
  expect(await control.get(`/logs/${log}`)).toEqual({ status: 200, body: "found it\n" });
  const refused = await diff({ base: "--output=x" });
  expect(refused).toMatchObject({ status: 400, body: { error: { code: "validation_failed" } } });
  const none = await control.get(`/logs/${newId("log")}`);
  expect(none).toMatchObject({ status: 404, body: { error: { code: "not_found" } } });
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
    const gates = [
      { name: "there", command: "test -f a.txt && echo found it", timeout_seconds: 20, required: true },
    ];
    const shared = { rig, gates, env: {}, setup: [] };
    const ran = await effect("/gates/run", { ...shared, head_sha: reviewed_sha });
    expect(ran).toMatchObject({
      outcome: "gates_done",
      gates: [{ name: "there", exit_code: 0, log_tail: "found it\n" }],
    });
    await shown(start, reviewed_sha, (ran as { gates: { log_ref: string }[] }).gates[0]?.log_ref ?? "");
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
