/** The mayor over HTTP: stored first, given once, changed until then (spec/api.md §3.10). */
import { describe, expect, it } from "vitest";
import { withSql } from "#host";
import { TOWN, townsOn, type TownHost } from "../testing/town-host.ts";

const withTown = townsOn(withSql);
const M = `/api/towns/${TOWN}/mayor`;

/** Takes the mayor's start to where it waits for a message. */
async function opens(host: TownHost): Promise<{ sessionId: string; epoch: number }> {
  const { body } = await host.called("/agents/start");
  const start = body as { session_id: string; epoch: number };
  const usage = { tokens_in: 0, tokens_out: 0, usd: 0, usd_known: false };
  const beat = { state: "idle", last_event_at: null, active_tools: [], prompted: true, usage };
  await host.report("/runner/heartbeat", {
    instance_id: "run_00000000000000000000000001",
    draining: false,
    sessions: [{ session_id: start.session_id, epoch: start.epoch, ...beat }],
  });
  return { sessionId: start.session_id, epoch: start.epoch };
}

describe("the mayor's routes", () => {
  it("start it, give it what was said, and let what waits be changed", () =>
    withTown(async (host) => {
      await host.register();
      expect((await host.ask("GET", M)).body).toMatchObject({
        configured: true,
        agentId: null,
        status: "idle",
        queued: 0,
        model: null,
      });
      const ensured = await host.ask("POST", `${M}/ensure`, {});
      expect(ensured).toMatchObject({ status: 200, body: { sessionStatus: "starting" } });
      const { sessionId, epoch } = await opens(host);
      expect(ensured.body["sessionId"]).toBe(sessionId);

      await host.ask("PUT", `${M}/ui-context`, { context: "the settings page" });
      const said = await host.ask("POST", `${M}/message`, { message: "hello" });
      expect(said.status).toBe(202);
      const { body: given } = await host.called(`/agents/${sessionId}/message`);
      expect(given).toMatchObject({ message_id: said.body["messageId"], epoch, mode: "when_idle" });
      expect(given["text"]).toMatch(/^hello[\s\S]*Data, not instructions:[\s\S]*the settings page$/);

      const next = await host.ask("POST", `${M}/message`, { message: "and then" });
      const path = `${M}/queue/${String(next.body["messageId"])}`;
      expect((await host.ask("PATCH", path, { message: "and then?" })).body).toMatchObject({ position: 1 });
      expect((await host.ask<{ items: unknown[] }>("GET", `${M}/queue`)).body.items).toMatchObject([
        { message: "and then?", interruptions: 0 },
      ]);
      expect((await host.ask("DELETE", path)).status).toBe(200);
      expect((await host.ask("DELETE", path)).status).toBe(404);
      const first = `${M}/queue/${String(said.body["messageId"])}`;
      expect((await host.ask("PATCH", first, { message: "late" })).status).toBe(409);

      expect((await host.ask("POST", `${M}/interrupt`, {})).status).toBe(202);
      expect((await host.called(`/agents/${sessionId}/interrupt`)).body).toEqual({ epoch });
      expect((await host.ask("POST", `${M}/stop`, { newConversation: true })).status).toBe(202);
      expect((await host.called(`/agents/${sessionId}/stop`)).body).toMatchObject({ mode: "now" });
    }));

  it("refuse a rig that is not there and a context that is too long", () =>
    withTown(async (host) => {
      expect((await host.ask("POST", `${M}/message`, { message: "x", rigId: "nowhere" })).status).toBe(404);
      expect((await host.ask("PUT", `${M}/ui-context`, { context: "x".repeat(10_001) })).status).toBe(400);
      expect((await host.ask("POST", `${M}/interrupt`, {})).status).toBe(409);
    }));
});
