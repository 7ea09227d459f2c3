/** Mail over HTTP and by the agents' tools (spec/api.md §3.11, §4.2). */
import { describe, expect, it } from "vitest";
import { withSql } from "#host";
import { DATA_LINE } from "../prompts/text.ts";
import { agentOf } from "../testing/agent.ts";
import { TOWN, townsOn, working } from "../testing/town-host.ts";

const withTown = townsOn(withSql);
const T = `/api/towns/${TOWN}`;

describe("mail", () => {
  it("from a person is read by the agent as data, and counts as read with its next call", () =>
    withTown(async (host) => {
      const worker = await working(host, await host.readyRig());
      const name = host.actor.read((town) => town.session(worker.sessionId).agentName);
      const sent = await host.ask("POST", `${T}/mail`, {
        to: name,
        subject: "Tabs",
        body: "Use tabs, please.",
      });
      expect(sent).toMatchObject({ status: 201, body: { items: [{ to: name, deliveredAt: null }] } });
      const agent = agentOf(host, worker);
      const told = await agent.call("gt_mail_check");
      const [ours, data] = told.text.split(DATA_LINE);
      expect(ours).not.toContain("tabs");
      expect(data).toContain("Use tabs, please.");
      expect((await agent.call("gt_mail_check")).text).toContain("Use tabs");
      await agent.call("gt_status", { message: "reading" });
      expect((await agent.call("gt_mail_check")).text).toBe("No mail.");
      expect((await host.ask("GET", `${T}/mail?undelivered=true`)).body).toMatchObject({ items: [] });
      expect((await host.ask("POST", `${T}/mail`, { to: "Nobody", subject: "s", body: "b" })).status).toBe(
        404,
      );
    }));

  it("of a worker goes to its own rig and the mayor only", () =>
    withTown(async (host) => {
      const web = await working(host, await host.readyRig("web"));
      const app = await working(host, await host.readyRig("app"));
      const other = host.actor.read((town) => town.session(app.sessionId).agentName);
      const agent = agentOf(host, web);
      const refused = await agent.call("gt_mail_send", { to: other, subject: "s", body: "b" });
      expect(refused).toMatchObject({ isError: true });
      const sent = await agent.call("gt_mail_send", { to: "mayor", subject: "s", body: "b" });
      expect(sent).toMatchObject({ isError: false, data: { items: [{ to: "mayor" }] } });
    }));
});
