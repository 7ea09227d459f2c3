/** What the mayor can change (spec/api.md §4.4). */
import { describe, expect, it } from "vitest";
import { withSql } from "#host";
import { agentOf } from "../testing/agent.ts";
import { TOWN, townsOn, working } from "../testing/town-host.ts";

const withTown = townsOn(withSql);
const T = `/api/towns/${TOWN}`;

describe("the mayor", () => {
  it("updates, holds, starts, reassigns, resets and closes", () =>
    withTown(async (host) => {
      const worker = await working(host, await host.readyRig());
      await host.ask("POST", `${T}/mayor/message`, { message: "go" });
      const { body } = await host.called("/agents/start");
      const start = body as { session_id: string; mcp: { token: string } };
      const mayor = agentOf(host, { sessionId: start.session_id, token: start.mcp.token });
      const bead_id = worker.beadId;
      const made = await mayor.call("gt_sling", { rig_id: "web", title: "later", depends_on: [bead_id] });
      const later = (made.data["bead"] as { id: string }).id;
      const call = (tool: string, args: object) => mayor.call(tool, { bead_id: later, ...args });
      expect(await call("gt_bead_update", { priority: "high", depends_on: [] })).toMatchObject({
        data: { bead: { priority: "high" } },
      });
      expect(await call("gt_bead_update", { model: "acme/nine" })).toMatchObject({ isError: false });
      expect(host.actor.read((town) => town.bead(later).model)).toBe("acme/nine");
      expect(await call("gt_bead_update", { depends_on: [later] })).toMatchObject({ isError: true });
      expect(await call("gt_bead_fail", { note: "not wanted" })).toMatchObject({
        data: { bead: { status: "failed" } },
      });
      const agent_id = host.actor.read((town) => town.session(worker.sessionId).agentId);
      expect(await mayor.call("gt_bead_reassign", { bead_id, avoid_agent_id: agent_id })).toMatchObject({
        isError: false,
      });
      expect(host.actor.read((town) => town.session(worker.sessionId).waitingOn?.code)).toBe("settling");
      expect(await mayor.call("gt_agent_reset", { agent_id })).toMatchObject({ isError: false });
      expect(await mayor.call("gt_bead_close", { bead_id, reason: "cancelled" })).toMatchObject({
        data: { bead: { status: "closed", reason: "cancelled" } },
      });
      expect(await mayor.call("gt_bead_hold", { bead_id })).toMatchObject({ isError: true });
    }));
});

describe("changes over HTTP", () => {
  it("are checked: fields, existence, live work", () =>
    withTown(async (host) => {
      const worker = await working(host, await host.readyRig());
      const bead = `${T}/beads/${worker.beadId}`;
      expect((await host.ask("PATCH", bead, { title: "Better" })).body).toMatchObject({ title: "Better" });
      expect((await host.ask("PATCH", bead, {})).status).toBe(400);
      expect((await host.ask("PATCH", bead, { status: "closed" })).status).toBe(400);
      expect((await host.ask("DELETE", bead)).status).toBe(409);
      expect((await host.ask("DELETE", `${bead}?force=true`)).body).toEqual({ deleted: 1 });
      expect((await host.ask("GET", bead)).status).toBe(404);
      const name = host.actor.read((town) => town.agents()[0]?.name ?? "");
      expect((await host.ask("GET", `${T}/agents/${name}`)).body).toMatchObject({ name });
    }));
});
