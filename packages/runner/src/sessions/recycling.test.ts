/** Agent processes that have grown too large are left between turns, with every conversation kept. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { StartRequest } from "@gastown/protocol";
import { Control, script, World } from "../testing/harness.ts";

let world: World;
let control: Control;
let store: string;
let messages = 0;
beforeEach(async () => {
  world = new World();
  await world.town.start();
  store = mkdtempSync(join(tmpdir(), "gastown-store-"));
  control = new Control(await world.runner());
  world.settleOnDone(() => control);
});
afterEach(async () => {
  await world.close();
  rmSync(store, { recursive: true, force: true });
});

/** A session that is open and waits, in a process that may hold so many megabytes. */
async function opened(megabytes: number): Promise<StartRequest> {
  const base = world.start("");
  const settings = { ...base.settings, env: { SCRIPTED_STORE: store }, process_memory_mb: megabytes };
  const mayor = { role: "mayor", rig: null, bead: null, prompt: null, branch: null } as const;
  const start = world.start("", { ...mayor, settings });
  await control.post("/agents/start", start);
  await world.town.facts.until("it to be open", () =>
    world.town.heartbeats.some(({ sessions }) =>
      sessions.some(({ session_id, state }) => session_id === start.session_id && state === "idle"),
    ),
  );
  return start;
}

async function say(start: StartRequest, steps: readonly object[]): Promise<string> {
  messages += 1;
  const message_id = `m${messages}`;
  const body = { message_id, epoch: start.epoch, text: script({ steps }), mode: "when_idle" };
  await control.post(`/agents/${start.session_id}/message`, body);
  return message_id;
}

const turnOver = (message: string) =>
  world.town.facts.until(`the end of ${message}`, () =>
    world.town.turns.find(({ message_id }) => message_id === message),
  );
const moves = (start: StartRequest): number =>
  world.logs.filter(
    ({ event, data }) =>
      event === "session.moved" && "session_id" in data && data.session_id === start.session_id,
  ).length;
const processes = (event: string): number => world.logs.filter((one) => one.event === event).length;

describe("a process that is too large", () => {
  it("is left by its sessions between turns, goes on in another with the same conversations, and ends", async () => {
    const [one, other] = [await opened(1), await opened(1)];
    expect(processes("agent.process_started")).toBe(1);
    const go = join(world.dir, "go");
    const seen = join(world.dir, "seen");
    const busy = await say(other, [{ wait_for: { file: go } }]);
    await turnOver(await say(one, [{ run: `echo "$PPID $SCRIPTED_TURN" >> '${seen}'` }]));
    await world.town.facts.until("the idle one to move", () => moves(one) === 1);
    // The turn that runs is not disturbed: its process lives until it is over.
    expect(moves(other)).toBe(0);
    expect(processes("agent.process_ended")).toBe(0);
    writeFileSync(go, "");
    await turnOver(busy);
    await world.town.facts.until("the other to move", () => moves(other) === 1);
    await world.town.facts.until("the old process to end", () => processes("agent.process_ended") === 1);
    await turnOver(await say(one, [{ run: `echo "$PPID $SCRIPTED_TURN" >> '${seen}'` }]));
    const [first, second] = readFileSync(seen, "utf8")
      .trim()
      .split("\n")
      .map((line) => line.split(" "));
    expect([first?.[1], second?.[1]]).toEqual(["1", "2"]);
    expect(first?.[0]).not.toBe(second?.[0]);
    expect(world.town.ended).toEqual([]);
  });

  it("is not one that holds less than it may", async () => {
    const one = await opened(2_048);
    await turnOver(await say(one, [{ say: "hello" }]));
    await turnOver(await say(one, [{ say: "again" }]));
    expect(moves(one)).toBe(0);
    expect(world.logs.filter(({ event }) => event === "agent.process_large")).toEqual([]);
  });
});
