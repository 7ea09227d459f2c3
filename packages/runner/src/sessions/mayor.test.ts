/** The mayor: opens, waits, answers messages one after the other, and reports every turn's end. */
import { lstatSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { StartRequest } from "@gastown/protocol";
import { Control, script, World } from "../testing/harness.ts";

let world: World;
let control: Control;
beforeEach(async () => {
  world = new World();
  await world.town.start();
});
afterEach(() => world.close());

async function mayor(more: Parameters<World["runner"]>[0] = {}): Promise<StartRequest> {
  control = new Control(await world.runner(more));
  const start = world.start("", {
    role: "mayor",
    rig: null,
    bead: null,
    branch: null,
    target: null,
    start_point: null,
    prompt: null,
    checkouts: [world.rig],
  });
  await control.post("/agents/start", start);
  return start;
}

function send(
  start: StartRequest,
  message_id: string,
  text: string,
  mode = "when_idle",
): Promise<{ status: number }> {
  return control.post(`/agents/${start.session_id}/message`, { message_id, epoch: start.epoch, text, mode });
}

const turnOf = (messageId: string) => () =>
  world.town.turns.find(({ message_id }) => message_id === messageId);

describe("the mayor's session", () => {
  it("is ready without a prompt, in a directory of its own with a checkout per rig", async () => {
    const start = await mayor();
    await world.town.facts.until("an idle mayor", () => {
      return world.town.heartbeats
        .at(-1)
        ?.sessions.some(({ state, prompted }) => state === "idle" && prompted);
    });
    const own = join(world.root, "mayor", start.agent.id);
    expect(lstatSync(own).isDirectory()).toBe(true);
    expect(realpathSync(own)).toBe(own);
    expect(readFileSync(join(own, "checkouts", "app", "README.md"), "utf8")).toBe("# Seed\n");
    await send(start, "m1", script({ steps: [{ run: "ls checkouts/app > seen; cat seen" }] }));
    await world.town.facts.until("its turn", turnOf("m1"));
    expect(readFileSync(join(own, "seen"), "utf8")).toBe("README.md\n");
  });

  it("answers messages in order, each once, and reports each turn", async () => {
    const start = await mayor();
    const first = send(start, "m1", script({ steps: [{ wait: 150 }, { say: "one" }] }));
    expect((await first).status).toBe(202);
    expect((await send(start, "m2", script({ steps: [{ say: "two" }] }))).status).toBe(202);
    expect((await send(start, "m2", script({ steps: [{ say: "two again" }] }))).status).toBe(202);
    await world.town.facts.until("both turns", turnOf("m2"));
    expect(world.town.turns.map(({ message_id, stop_reason }) => [message_id, stop_reason])).toEqual([
      ["m1", "end_turn"],
      ["m2", "end_turn"],
    ]);
    await world.town.facts.until("its words", () => world.town.said(start.session_id).includes("two"));
    expect(world.town.said(start.session_id)).toMatch(/one[\s\S]*two/);
    expect(world.town.said(start.session_id)).not.toContain("two again");
  });

  it("is interrupted by a message that is for now", async () => {
    const start = await mayor();
    await send(start, "m1", script({ steps: [{ wait: 60_000 }] }));
    await world.town.facts.until("a running turn", () =>
      world.town.calls.some(({ tool }) => tool === "gt_prime"),
    );
    await send(start, "m2", script({ steps: [{ say: "waited" }] }));
    await send(start, "m3", script({ steps: [{ say: "urgent" }] }), "now");
    await world.town.facts.until("all turns", turnOf("m2"));
    expect(world.town.turns.map(({ message_id, stop_reason }) => [message_id, stop_reason])).toEqual([
      ["m1", "cancelled"],
      ["m3", "end_turn"],
      ["m2", "end_turn"],
    ]);
  });

  it("is interrupted without losing what waits behind the turn", async () => {
    const start = await mayor();
    await send(start, "m1", script({ steps: [{ wait: 60_000 }] }));
    await world.town.facts.until("a running turn", () =>
      world.town.calls.some(({ tool }) => tool === "gt_prime"),
    );
    await send(start, "m2", script({ steps: [{ say: "next" }] }));
    const path = `/agents/${start.session_id}/interrupt`;
    expect((await control.post(path, { epoch: start.epoch + 1 })).status).toBe(409);
    expect((await control.post(path, { epoch: start.epoch })).status).toBe(202);
    await world.town.facts.until("both turns", turnOf("m2"));
    expect(world.town.turns.map(({ message_id, stop_reason }) => [message_id, stop_reason])).toEqual([
      ["m1", "cancelled"],
      ["m2", "end_turn"],
    ]);
    expect((await control.post(path, { epoch: start.epoch })).status).toBe(202);
  });

  it("does not count a message as answered when its agent dies over it", async () => {
    const start = await mayor();
    await send(start, "m1", script({ steps: [{ say: "begun" }, { crash: "kill" }] }));
    expect(await world.town.endOf(start.session_id)).toMatchObject({ outcome: "failed" });
    expect(world.town.turns).toEqual([]);
    const begun = world.town
      .itemsOf(start.session_id)
      .find(({ type, data }) => type === "turn" && data["phase"] === "started");
    expect(begun?.data["messageId"]).toBe("m1");
  });

  it("does not count a message as answered when a drain cuts it off", async () => {
    const start = await mayor();
    await send(start, "m1", script({ steps: [{ wait: 60_000 }] }));
    await world.town.facts.until("a running turn", () =>
      world.town.calls.some(({ tool }) => tool === "gt_prime"),
    );
    await control.post("/drain", { reason: "host", wait_ms: 300_000 });
    expect(await world.town.endOf(start.session_id)).toMatchObject({ outcome: "evicted" });
    expect(world.town.turns).toEqual([]);
  });

  it("follows its playbook with the results of earlier calls", async () => {
    const playbook = join(world.dir, "playbook.json");
    const sling = { tool: "gt_sling", args: { rig_id: "{{rig}}", title: "{{message}}" } };
    const start_it = { tool: "gt_convoy_start", args: { convoy_id: "{{last.made.0.id}}" } };
    writeFileSync(playbook, JSON.stringify({ mayor: { steps: [{ call: sling }, { call: start_it }] } }));
    world.town.onCall = ({ tool }) => {
      if (tool === "gt_list_rigs")
        return { text: "", structured: { items: [{ id: world.rig.id, name: "app" }] } };
      return tool === "gt_sling" ? { text: "", structured: { made: [{ id: "convoy_1" }] } } : null;
    };
    const hostEnv = { PATH: process.env["PATH"], HOME: world.dir, SCRIPTED_PLAYBOOK: playbook };
    const start = await mayor({ hostEnv });
    await send(start, "m1", "Add a thing");
    await world.town.facts.until("its turn", turnOf("m1"));
    expect(
      world.town.calls.filter(({ tool }) => tool !== "gt_prime").map(({ tool, args }) => [tool, args]),
    ).toEqual([
      ["gt_list_rigs", {}],
      ["gt_sling", { rig_id: world.rig.id, title: "Add a thing" }],
      ["gt_convoy_start", { convoy_id: "convoy_1" }],
    ]);
  });

  it("says what it cannot do without script and playbook", async () => {
    const start = await mayor();
    await send(start, "m1", "Please make it all better");
    await world.town.facts.until("its turn", turnOf("m1"));
    await world.town.facts.until("its words", () =>
      world.town.said(start.session_id).includes("cannot understand or plan"),
    );
  });

  it("survives a broken checkout with a notice", async () => {
    control = new Control(await world.runner());
    const broken = { ...world.rig, git_url: join(world.dir, "nowhere.git") };
    const start = world.start("", {
      role: "mayor",
      rig: null,
      bead: null,
      branch: null,
      prompt: null,
      checkouts: [broken],
    });
    await control.post("/agents/start", start);
    await send(start, "m1", "hello");
    await world.town.facts.until("its turn", turnOf("m1"));
    await world.town.facts.until("the notice", () =>
      world.town
        .itemsOf(start.session_id)
        .some(
          ({ type, data }) => type === "notice" && String(data["text"]).includes("checkout of app failed"),
        ),
    );
  });

  it("uses a renewed token from its very next call on, and nothing is opened again", async () => {
    const start = await mayor();
    const go = join(world.dir, "go");
    const status = { call: { tool: "gt_status", args: { message: "at it" } } };
    await send(start, "m1", script({ steps: [status, { wait_for: go }, status] }));
    await world.town.facts.until("its call", () => world.town.calls.some(({ tool }) => tool === "gt_status"));
    const renewed = "renewed-token-of-the-mayor";
    world.town.renewals.set(start.session_id, renewed);
    await world.town.facts.until("the renewal", () => world.town.renewals.size === 0);
    // The runner has read that answer when it sends the next heartbeat.
    const before = world.town.heartbeats.length;
    await world.town.facts.until("a heartbeat", () => world.town.heartbeats.length > before);
    writeFileSync(go, "");
    await send(start, "m2", "again");
    await world.town.facts.until("its turns", turnOf("m2"));
    const [prime, used, ...later] = world.town.calls.map(({ tool, token }) => [tool, token]);
    expect([prime, used]).toEqual([
      ["gt_prime", start.mcp.token],
      ["gt_status", start.mcp.token],
    ]);
    expect(later).toEqual([
      ["gt_status", renewed],
      ["gt_prime", renewed],
    ]);
    expect(world.town.mcpRequests.filter(({ method }) => method === "initialize")).toHaveLength(1);
  });
});
