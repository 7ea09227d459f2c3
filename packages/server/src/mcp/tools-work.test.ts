/** The mayor ends, retries and removes work (spec/api.md §4.4). */
import { describe, expect, it } from "vitest";
import { withSql } from "#host";
import { toolsOf, type Role } from "@gastown/protocol";
import { agentOf, type TestAgent } from "../testing/agent.ts";
import { TOWN, townsOn, type TownHost } from "../testing/town-host.ts";

const withTown = townsOn(withSql);

async function mayor(host: TownHost): Promise<TestAgent> {
  await host.readyRig("web");
  await host.ask("POST", `/api/towns/${TOWN}/mayor/message`, { message: "Tidy up" });
  const { body } = await host.called("/agents/start");
  const start = body as { session_id: string; mcp: { token: string } };
  return agentOf(host, { sessionId: start.session_id, token: start.mcp.token });
}

async function convoy(agent: TestAgent): Promise<{ id: string; beads: string[] }> {
  const made = await agent.call("gt_sling_batch", {
    rig_id: "web",
    convoy_title: "Two",
    tasks: [{ title: "one" }, { title: "two", depends_on: [0] }],
    staged: true,
  });
  const beads = (made.data["beads"] as { id: string }[]).map(({ id }) => id);
  return { id: String(made.data["convoy_id"]), beads };
}

describe("the mayor", () => {
  it("deletes beads, each by itself, and is told which it could not", () =>
    withTown(async (host) => {
      const agent = await mayor(host);
      const { beads } = await convoy(agent);
      const answer = await agent.call("gt_bead_delete", { bead_ids: [...beads, "bead_nowhere"] });
      expect(answer).toMatchObject({
        isError: false,
        data: { deleted: 2, refused: [{ bead_id: "bead_nowhere", code: "not_found" }] },
      });
      expect(answer.text).toContain("Deleted 2 of 3.");
      expect(host.actor.read((town) => town.beadsMeant({}))).toEqual([]);
    }));

  it("lets a convoy go on without a bead, and closes it", () =>
    withTown(async (host) => {
      const agent = await mayor(host);
      const { id, beads } = await convoy(agent);
      const waived = await agent.call("gt_convoy_waive", {
        convoy_id: id,
        bead_id: beads[0],
        note: "not needed",
      });
      expect(waived.text).toContain("1 of 2 done");
      expect(await agent.call("gt_convoy_retry", { convoy_id: id })).toMatchObject({ isError: false });
      expect(await agent.call("gt_convoy_close", { convoy_id: id, note: "enough" })).toMatchObject({
        data: { state: "closed" },
      });
      expect(await agent.call("gt_convoy_retry", { convoy_id: id })).toMatchObject({
        isError: true,
        text: expect.stringContaining("convoy_finished"),
      });
      expect(host.actor.read((town) => town.bead(beads[1] ?? "").status)).toBe("closed");
    }));

  it("is told that there is no such merge request", () =>
    withTown(async (host) => {
      const agent = await mayor(host);
      for (const tool of ["gt_merge_retry", "gt_merge_dismiss"])
        expect(await agent.call(tool, { bead_id: "bead_nowhere" })).toMatchObject({
          isError: true,
          text: expect.stringContaining("not_found"),
        });
    }));
});

/** The tables of spec/api.md §4.2–4.5. */
const EVERYONE = [
  "gt_prime",
  "gt_status",
  "gt_checkpoint",
  "gt_bead_status",
  "gt_mail_check",
  "gt_mail_send",
  "gt_escalate",
];
const OF_MAYOR =
  "sling sling_batch list_rigs list_agents list_convoys list_beads list_merges list_escalations why bead_update bead_hold bead_start bead_close bead_fail bead_retry bead_reassign convoy_status convoy_start convoy_close convoy_retry convoy_waive merge_retry merge_dismiss bead_delete agent_reset nudge escalation_acknowledge escalation_resolve adopt_pr convoy_update convoy_add_bead convoy_remove_bead ui_action";
describe("the tools of a role", () => {
  it.each<[Role, string[]]>([
    ["mayor", [...EVERYONE, ...OF_MAYOR.split(" ").map((name) => `gt_${name}`)]],
    ["triage", [...EVERYONE, "gt_triage_resolve", "gt_done"]],
  ])("%s are those of its table", (role, names) => {
    const found = toolsOf(role).map(({ name }) => name);
    expect(found.toSorted()).toEqual(names.toSorted());
  });

  it("of a worker are no mayor's, and the verdicts are a refinery's alone", () => {
    const polecat = toolsOf("polecat").map(({ name }) => name);
    const refinery = toolsOf("refinery").map(({ name }) => name);
    expect(polecat).toEqual(
      expect.arrayContaining([...EVERYONE, "gt_done", "gt_mol_current", "gt_mol_advance", "gt_gate_log"]),
    );
    expect(refinery).toEqual(
      expect.arrayContaining([...EVERYONE, "gt_done", "gt_approve", "gt_request_changes"]),
    );
    for (const name of OF_MAYOR.split(" ")) expect([...polecat, ...refinery]).not.toContain(`gt_${name}`);
    expect(polecat).not.toContain("gt_approve");
  });
});
