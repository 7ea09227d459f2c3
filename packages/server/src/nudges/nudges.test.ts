/** A nudge from a person or the mayor to the runner that shows it (spec/api.md §3.9, §3.16). */
import { describe, expect, it } from "vitest";
import { withSql } from "#host";
import { agentOf } from "../testing/agent.ts";
import { TOWN, townsOn, working } from "../testing/town-host.ts";

const withTown = townsOn(withSql);
const T = `/api/towns/${TOWN}`;

describe("a nudge", () => {
  it("goes from a person to the runner, which claims it and acknowledges it", () =>
    withTown(async (host) => {
      const worker = await working(host, await host.readyRig());
      const agentId = host.actor.read((town) => town.session(worker.sessionId).agentId);
      const { status, body } = await host.ask("POST", `${T}/agents/${agentId}/nudge`, {
        message: "look at the tests",
        mode: "now",
        urgent: true,
      });
      expect(status).toBe(202);
      expect(await host.called(`/agents/${worker.sessionId}/poke`)).toMatchObject({
        body: { epoch: worker.epoch },
      });
      const claim = () =>
        host.report(`/sessions/${worker.sessionId}/nudges/claim`, { epoch: worker.epoch, when: "busy" });
      const nudge = { nudge_id: body["nudgeId"], text: "look at the tests", mode: "now", urgent: true };
      expect((await claim()).body).toMatchObject({ nudges: [nudge] });
      expect((await host.ask("GET", `${T}/nudges`)).body).toMatchObject({ items: [{ state: "claimed" }] });
      await host.report(`/sessions/${worker.sessionId}/nudges/${String(body["nudgeId"])}/ack`, {
        epoch: worker.epoch,
        delivered: true,
      });
      expect((await claim()).body).toEqual({ nudges: [] });
      expect((await host.ask("GET", `${T}/nudges`)).body).toMatchObject({ items: [] });
      const late = await host.ask("DELETE", `${T}/nudges/${String(body["nudgeId"])}`);
      expect(late.status).toBe(409);
    }));

  it("is nobody's who has an older epoch, and a session's message is one", () =>
    withTown(async (host) => {
      const worker = await working(host, await host.readyRig());
      await host.ask("POST", `${T}/sessions/${worker.sessionId}/messages`, {
        text: "hello",
        mode: "when_idle",
      });
      const stale = await host.report(`/sessions/${worker.sessionId}/nudges/claim`, {
        epoch: worker.epoch + 1,
        when: "idle",
      });
      expect(stale).toMatchObject({ status: 409, body: { error: { code: "session_fenced" } } });
    }));

  it("may come from the mayor, who is told when it will be seen", () =>
    withTown(async (host) => {
      const worker = await working(host, await host.readyRig());
      const name = host.actor.read((town) => town.session(worker.sessionId).agentName);
      await host.ask("POST", `${T}/mayor/message`, { message: "hurry them" });
      const { body } = await host.called("/agents/start");
      const start = body as { session_id: string; mcp: { token: string } };
      const mayor = agentOf(host, { sessionId: start.session_id, token: start.mcp.token });
      const told = await mayor.call("gt_nudge", { agent_id: name, message: "hurry", mode: "queue" });
      expect(told).toMatchObject({ isError: false, data: { mode: "queue" } });
      expect(told.text).toContain("or in its next session");
      const nobody = await mayor.call("gt_nudge", { agent_id: "Nobody", message: "hurry" });
      expect(nobody).toMatchObject({ isError: true });
    }));
});
