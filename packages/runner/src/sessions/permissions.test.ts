/** Permission requests of a real agent process: each is answered, by policy, by a person or by its turn's end. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { PermissionPolicy, StartRequest } from "@gastown/protocol";
import { Control, script, World } from "../testing/harness.ts";

let world: World;
let control: Control;
beforeEach(async () => {
  world = new World();
  await world.town.start();
  // Heartbeats only when something happens: what is decided must not have to wait for one.
  control = new Control(await world.runner({ heartbeatMs: 600_000 }));
  world.settleOnDone(() => control);
});
afterEach(() => world.close());

const TITLE = "rm -rf build";

/** An agent that asks first, and then does it. */
async function asking(permission: PermissionPolicy): Promise<StartRequest> {
  const base = world.start("");
  const steps = [{ permission: { title: TITLE } }, { write: { path: "done.txt", content: "done\n" } }];
  const start = world.start(script({ steps }), { settings: { ...base.settings, permission } });
  await control.post("/agents/start", start);
  return start;
}

const asked = () => world.town.facts.until("the question", () => world.town.asked[0]);
const poke = ({ session_id, epoch }: StartRequest) => control.post(`/agents/${session_id}/poke`, { epoch });
const prompts = ({ session_id }: StartRequest): unknown[] =>
  world.town
    .itemsOf(session_id)
    .filter(({ type, data }) => type === "turn" && data["phase"] === "started")
    .map(({ data }) => data["text"]);

describe("an agent that asks for permission", () => {
  it("is allowed by its policy without a word to anybody", async () => {
    const start = await asking("allow_in_worktree");
    expect(await world.town.endOf(start.session_id)).toMatchObject({ outcome: "completed" });
    expect(world.town.asked).toEqual([]);
  });

  it("waits for a person, and goes on as soon as that one allows it", async () => {
    const start = await asking("ask");
    const question = await asked();
    expect(question).toMatchObject({ session: start.session_id, tool: "execute", title: TITLE });
    expect(question.detail).toContain(TITLE);
    world.town.decisions.set(question.request_id, "allow");
    await poke(start);
    expect(await world.town.endOf(start.session_id)).toMatchObject({
      outcome: "completed",
      reason: { code: "settled" },
    });
    const beat = world.town.heartbeats.find(({ sessions }) => sessions[0]?.permissions !== undefined);
    expect(beat?.sessions[0]).toMatchObject({ permissions: [question.request_id] });
    expect(world.town.withdrawn).toEqual([]);
  });

  it.each(["ask", "deny"] as const)(
    "does not do what it was refused (%s), and is told so",
    async (policy) => {
      const start = await asking(policy);
      if (policy === "ask") {
        world.town.decisions.set((await asked()).request_id, "deny");
        await poke(start);
      }
      await world.town.facts.until("the next turn", () => prompts(start).length > 1);
      expect(prompts(start)[1]).toContain(`You were not allowed to do this:\n- ${TITLE}\n`);
      expect(existsSync(join(world.root, "git", "slots", start.agent.id, world.rig.id, "done.txt"))).toBe(
        false,
      );
    },
  );

  it("asks until the town is there, and takes an answer that is there already", async () => {
    world.town.down.add("sessions");
    world.town.decisions.set(TITLE, "allow");
    const start = await asking("ask");
    world.town.down.clear();
    expect(await world.town.endOf(start.session_id)).toMatchObject({ outcome: "completed" });
    expect(world.town.asked).toHaveLength(1);
  });

  it("withdraws what nobody has answered when its session is stopped", async () => {
    const start = await asking("ask");
    const question = await asked();
    await control.post(`/agents/${start.session_id}/stop`, { epoch: start.epoch, mode: "now" });
    expect(await world.town.endOf(start.session_id)).toMatchObject({ outcome: "stopped" });
    await world.town.facts.until("the withdrawal", () => world.town.withdrawn.includes(question.request_id));
  });
});
