/** The mayor changes convoys, adopts pull requests and shows things on pages (spec/api.md §4.4). */
import { describe, expect, it } from "vitest";
import { withSql } from "#host";
import type { LiveFrame } from "@gastown/protocol";
import { agentOf, type TestAgent } from "../testing/agent.ts";
import { forgeOfOne, onePullRequest, PR_URL } from "../testing/forge.ts";
import { TOWN, townsOn, type TownHost } from "../testing/town-host.ts";

const withTown = townsOn(withSql);

async function mayor(host: TownHost): Promise<TestAgent> {
  await host.readyRig("web");
  await host.ask("POST", `/api/towns/${TOWN}/mayor/message`, { message: "Plan it" });
  const { body } = await host.called("/agents/start");
  const start = body as { session_id: string; mcp: { token: string } };
  return agentOf(host, { sessionId: start.session_id, token: start.mcp.token });
}

describe("the mayor", () => {
  it("changes a convoy's title and plan, adds to it and takes out of it", () =>
    withTown(async (host) => {
      const agent = await mayor(host);
      const made = await agent.call("gt_sling_batch", {
        rig_id: "web",
        convoy_title: "Two",
        tasks: [{ title: "one" }, { title: "two", depends_on: [0] }],
        staged: true,
      });
      const convoy_id = String(made.data["convoy_id"]);
      const change = { convoy_id, title: "Three", feature_branch: "features/three" };
      expect(await agent.call("gt_convoy_update", change)).toMatchObject({
        data: { changed: ["title", "featureBranch"] },
      });
      expect(await agent.call("gt_convoy_update", { convoy_id })).toMatchObject({ isError: true });
      const task = { title: "three", rig_id: "web" };
      const added = await agent.call("gt_convoy_add_bead", { convoy_id, task });
      expect(added.data).toMatchObject({ total: 3 });
      const again = await agent.call("gt_convoy_add_bead", { convoy_id, task });
      expect(again.text).toMatch(/^Already done/);
      const bead_id = String(added.data["bead_id"]);
      expect(host.actor.read((town) => town.bead(bead_id))).toMatchObject({
        title: "three",
        convoyId: convoy_id,
      });
      expect(await agent.call("gt_convoy_add_bead", { convoy_id, task, bead_id })).toMatchObject({
        isError: true,
        text: expect.stringContaining("either bead_id"),
      });
      expect((await agent.call("gt_convoy_remove_bead", { convoy_id, bead_id })).data).toMatchObject({
        total: 2,
      });
      await agent.call("gt_convoy_close", { convoy_id });
      expect(
        await agent.call("gt_convoy_remove_bead", { convoy_id, bead_id: made.data["convoy_id"] }),
      ).toMatchObject({
        text: expect.stringContaining("convoy_finished"),
      });
    }));

  it("adopts a pull request once, and is told why one cannot be", () =>
    withTown(async (host) => {
      const agent = await mayor(host);
      host.ports.forge.current = forgeOfOne(onePullRequest());
      const rig = { name: "app", gitUrl: "https://github.com/acme/app.git" };
      await host.ask("POST", `/api/towns/${TOWN}/rigs`, rig);
      const call = { rig_id: "app", pr_url: PR_URL };
      const first = await agent.call("gt_adopt_pr", call);
      expect(first).toMatchObject({ isError: false, data: { warning: null } });
      const again = await agent.call("gt_adopt_pr", call);
      expect(again.data).toMatchObject({
        bead_id: first.data["bead_id"],
        warning: expect.stringContaining("already"),
      });
      expect(
        await agent.call("gt_adopt_pr", { ...call, pr_url: "https://github.com/acme/other/pull/7" }),
      ).toMatchObject({ isError: true, text: expect.stringContaining("repo_mismatch") });
    }));

  it("shows things of this town, and nothing else, on its open pages", () =>
    withTown(async (host) => {
      const agent = await mayor(host);
      const frames: LiveFrame[] = [];
      const broadcast = host.actor.feed.broadcast;
      host.actor.feed.broadcast = (frame) => {
        frames.push(frame);
        broadcast(frame);
      };
      const bead = (await agent.call("gt_sling", { rig_id: "web", title: "look" })).data["bead"] as {
        id: string;
      };
      const shown = await agent.call("gt_ui_action", { action: { type: "highlight_bead", beadId: bead.id } });
      expect(shown.text).toBe("Shown in 0 pages.");
      expect(frames.filter(({ type }) => type === "ui_action")).toEqual([
        { type: "ui_action", action: { type: "highlight_bead", beadId: bead.id } },
      ]);
      const strange = { type: "open_convoy_drawer", convoyId: "convoy_nowhere" };
      expect(await agent.call("gt_ui_action", { action: strange })).toMatchObject({
        isError: true,
        text: expect.stringContaining("validation_failed"),
      });
      const path = `/api/towns/${TOWN}/mayor/ui-action`;
      const answer = await host.ask("POST", path, { action: { type: "navigate", page: "merges" } });
      expect(answer).toMatchObject({ status: 200, body: { broadcast: 0 } });
    }));
});
