/** A session from its start to its end, with a real agent process, real git and a real socket. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Control, git, script, World } from "../testing/harness.ts";

let world: World;
beforeEach(async () => {
  world = new World();
  await world.town.start();
});
afterEach(() => world.close());

describe("a polecat's session", () => {
  it("lists its tools, is prompted, commits, hands over and ends", async () => {
    const runner = await world.runner();
    const control = new Control(runner);
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
      expect.arrayContaining(["repository", "process", "handshake", "tools", "first_turn"]),
    );
    expect(world.town.statuses.some(({ conversation_id }) => conversation_id !== undefined)).toBe(true);
    const items = world.town.itemsOf(start.session_id);
    expect(items.map(({ seq }) => seq)).toEqual(items.map((_item, i) => i + 1));
    expect(items[0]?.type).toBe("start");
    expect(items.at(-1)?.type).toBe("end");
    expect(world.town.said(start.session_id)).toContain("[scripted] I follow the script");
  });
});
