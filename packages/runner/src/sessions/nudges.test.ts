/** Nudges reach an agent as turns, once, with a real agent process and a real socket. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ClaimedNudge, StartRequest } from "@gastown/protocol";
import { Control, script, World } from "../testing/harness.ts";
import { newId } from "../ulid.ts";

let world: World;
let control: Control;
beforeEach(async () => {
  world = new World();
  await world.town.start();
});
afterEach(() => world.close());

function nudge(text: string, mode: ClaimedNudge["mode"]): ClaimedNudge {
  return { nudge_id: newId("nudge"), text, mode, urgent: false, source: "you" };
}

/** A polecat in the middle of a long turn. */
async function working(): Promise<StartRequest> {
  control = new Control(await world.runner());
  const start = world.start(script({ steps: [{ wait: 60_000 }] }));
  await control.post("/agents/start", start);
  await world.town.facts.until("its turn", () => world.town.calls.some(({ tool }) => tool === "gt_prime"));
  return start;
}

const poke = (start: StartRequest) =>
  control.post(`/agents/${start.session_id}/poke`, { epoch: start.epoch });
const turns = (start: StartRequest): unknown[] =>
  world.town
    .itemsOf(start.session_id)
    .filter(({ type, data }) => type === "turn" && data["phase"] === "started")
    .map(({ data }) => data["promptSource"]);

describe("a nudge", () => {
  it("for now interrupts the running turn and is acknowledged when its own begins", async () => {
    const start = await working();
    const one = nudge(script({ steps: [{ say: "I was nudged" }] }), "now");
    world.town.nudges.set(start.session_id, [one]);
    expect((await poke(start)).status).toBe(202);
    await world.town.facts.until("the acknowledgement", () => world.town.shown.includes(one.nudge_id));
    await world.town.facts.until("its words", () =>
      world.town.said(start.session_id).includes("I was nudged"),
    );
    expect(turns(start).slice(0, 2)).toEqual(["start", "nudge"]);
    expect(world.town.claims[0]).toEqual({ session: start.session_id, when: "busy" });
    const shown = world.town.itemsOf(start.session_id).find(({ data }) => data["promptSource"] === "nudge");
    expect(shown?.data["text"]).toContain("[A message from you while you work.]\n");
  });

  it("for when it is idle waits for the end of the turn, and is shown once however often it is told", async () => {
    const start = await working();
    const later = nudge("when you can", "when_idle");
    world.town.nudges.set(start.session_id, [later]);
    await poke(start);
    await poke(start);
    await world.town.facts.until("a claim in vain", () => world.town.claims.length > 0);
    expect(world.town.shown).toEqual([]);
    const now = nudge("now", "now");
    world.town.nudges.set(start.session_id, [later, now]);
    await poke(start);
    await world.town.facts.until("both", () => world.town.shown.length === 2);
    expect(world.town.shown).toEqual([now.nudge_id, later.nudge_id]);
    await world.town.facts.until("both turns", () => turns(start).length >= 3);
    expect(turns(start).slice(0, 3)).toEqual(["start", "nudge", "nudge"]);
  });

  it("is found by the next heartbeat where the wake-up was lost", async () => {
    const start = await working();
    world.town.down.add(`sessions/${start.session_id}/nudges`);
    const one = nudge("hello", "now");
    world.town.nudges.set(start.session_id, [one]);
    await poke(start);
    world.town.down.clear();
    await world.town.facts.until("the acknowledgement", () => world.town.shown.includes(one.nudge_id));
  });

  it("for a session of another life is refused", async () => {
    const start = await working();
    const answer = await control.post(`/agents/${start.session_id}/poke`, { epoch: start.epoch + 1 });
    expect(answer.status).toBe(409);
  });
});
