/** A session from its start to its end, with a real agent process, real git and a real socket. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { SessionLog, StartRequest } from "@gastown/protocol";
import { Control, git, script, World } from "../testing/harness.ts";

let world: World;
let control: Control;
beforeEach(async () => {
  world = new World();
  await world.town.start();
});
afterEach(() => world.close());

/** The one log of that kind that the town was told of with the session's end. */
async function logOf(start: StartRequest, kind: SessionLog["kind"]): Promise<unknown> {
  const { logs = [] } = await world.town.endOf(start.session_id);
  const of = logs.filter((one) => one.kind === kind);
  expect(of).toHaveLength(1);
  return (await control.get(`/logs/${of[0]?.log_id}`)).body;
}

describe("a polecat's session", () => {
  it("lists its tools, is prompted, commits, hands over and ends", async () => {
    const runner = await world.runner();
    control = new Control(runner);
    world.settleOnDone(() => control);
    const start = world.start(
      script({
        steps: [{ write: { path: "a.txt", content: "hello\n" } }, { commit: "Add a" }, { done: "made it" }],
      }),
    );

    const answer = await control.post("/agents/start", start);
    expect(answer).toMatchObject({ status: 202, body: { session_id: start.session_id } });

    const ended = await world.town.endOf(start.session_id);
    expect(ended).toMatchObject({
      outcome: "completed",
      reason: { code: "settled" },
      work_ref: null,
      epoch: start.epoch,
    });
    expect(world.town.listed).toContain(start.session_id);
    expect(world.town.settles).toMatchObject([{ result: "pushed", commits: 1, branch: start.branch }]);
    expect(git(world.remote, "show", `${start.branch}:a.txt`)).toBe("hello");
    expect(git(world.remote, "log", "-1", "--format=%an <%ae>", start.branch ?? "")).toBe(
      "Toast <toast@gastown.example>",
    );
    expect(world.town.statuses.map(({ phase }) => phase)).toEqual(
      expect.arrayContaining(["repository", "tools", "first_turn"]),
    );
    expect(world.town.statuses.some(({ conversation_id }) => conversation_id !== undefined)).toBe(true);
    const items = world.town.itemsOf(start.session_id);
    expect(items.map(({ seq }) => seq)).toEqual(items.map((_item, i) => i + 1));
    expect(items[0]?.type).toBe("start");
    expect(items.at(-1)?.type).toBe("end");
    expect(world.town.said(start.session_id)).toContain("[scripted] I follow the script");
  });

  it("finds its worktree set up, once for all sessions of that worktree", async () => {
    control = new Control(await world.runner());
    world.settleOnDone(() => control);
    const body = script({ steps: [{ run: "cp ../made here.txt" }] });
    const first = world.start(body);
    const setup = [
      { command: 'echo "made with $SETTING" >> ../made' },
      { command: "exit 9", required: false },
    ];
    const settings = { ...first.settings, setup, env: { SETTING: "care" } };
    await control.post("/agents/start", { ...first, settings });
    await world.town.endOf(first.session_id);
    const second = world.start(body, { agent: first.agent });
    await control.post("/agents/start", { ...second, settings });
    await world.town.endOf(second.session_id);
    expect(git(world.remote, "show", `${second.branch}:here.txt`)).toBe("made with care");
    expect(await logOf(first, "setup")).toMatch(/^\$ [^]*\n\(ended with 0\)\n\$ exit 9\n\(ended with 9\)\n/);
    const notices = world.town.itemsOf(first.session_id).filter(({ type }) => type === "notice");
    expect(notices[0]?.data["text"]).toContain('"exit 9" ended with 9');
  });

  it("is refused when its setup fails", async () => {
    control = new Control(await world.runner());
    const start = world.start("");
    const settings = { ...start.settings, setup: [{ command: "echo no disk; exit 3" }] };
    await control.post("/agents/start", { ...start, settings });
    expect(await world.town.endOf(start.session_id)).toMatchObject({
      outcome: "refused",
      reason: { code: "setup_failed", phase: "worktree", stderr_tail: "no disk\n" },
    });
    expect(await logOf(start, "setup")).toBe("$ echo no disk; exit 3\nno disk\n(ended with 3)\n");
  });

  it("whose work its remote refuses for good leaves a bundle and says where; its slot takes the next one", async () => {
    control = new Control(await world.runner());
    world.settleOnDone(() => control);
    writeFileSync(join(world.remote, "hooks", "update"), "#!/bin/sh\nexit 1\n", { mode: 0o755 });
    const first = world.start(
      script({ steps: [{ write: { path: "a.txt", content: "a\n" } }, { crash: true }] }),
    );
    await control.post("/agents/start", first);
    const { work_ref, kept = [] } = await world.town.endOf(first.session_id);
    expect([work_ref, kept]).toEqual([null, [{ submodule: null, ref: null, bundle: expect.any(String) }]]);
    git(join(world.dir, "seed"), "fetch", "--quiet", kept[0]?.bundle ?? "", "+refs/gastown/*:refs/gastown/*");
    const head = git(
      join(world.dir, "seed"),
      "for-each-ref",
      "--format=%(objectname)",
      "refs/gastown/bundled",
    );
    expect(git(join(world.dir, "seed"), "show", `${head}:a.txt`)).toBe("a");
    const next = world.start(script({ steps: [{ done: { no_changes: true } }] }), { agent: first.agent });
    await control.post("/agents/start", next);
    expect(await world.town.endOf(next.session_id)).toMatchObject({ outcome: "completed" });
  });
});
