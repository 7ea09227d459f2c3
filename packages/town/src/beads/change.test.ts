/** Changing, reassigning and deleting beads and agents (spec/api.md §3.5, §3.9). */
import { withSql } from "#host";
import { describe, expect, it } from "vitest";
import { harness, PERSON, type Harness } from "../scenarios/harness.ts";

const sling = (h: Harness, title: string, dependsOn: string[] = [], held = false): string =>
  h.town.sling(h.rig, { title, dependsOn }, { held }, PERSON).id;

function working(h: Harness, title = "x") {
  h.auto.done = false;
  const bead = sling(h, title);
  h.settle();
  const session = h.town.session(h.session(bead));
  return { bead, agent: session.agentId, session: session.id };
}

describe("update", () => {
  it("changes what a bead says and waits for, and refuses a circle", () =>
    withSql((sql) => {
      const h = harness(sql);
      const first = sling(h, "first", [], true);
      const second = sling(h, "second", [first]);
      h.settle();
      const changed = h.town.updateBead(first, { title: "First", priority: "high", labels: ["a"] }, PERSON);
      expect(changed).toMatchObject({ title: "First", priority: "high", labels: ["a"] });
      expect(() => h.town.updateBead(first, { dependsOn: [second] }, PERSON)).toThrow(/circle/);
      h.town.updateBead(second, { dependsOn: [] }, PERSON);
      h.settle();
      expect(h.town.bead(second).status).toBe("closed");
      expect(() => h.town.updateBead(second, { dependsOn: [first] }, PERSON)).toThrow(
        /only while it is open/,
      );
      expect(h.town.feed({ limit: 9, kind: "bead.updated" })[0]?.data).toEqual({ keys: ["dependsOn"] });
      expect(h.town.checkInvariants()).toEqual([]);
    }));

  it("moves a bead to another rig only while nobody has begun it", () =>
    withSql((sql) => {
      const h = harness(sql);
      const other = h.town.addRig({ name: "other", gitUrl: "/repo/other.git" }, PERSON).id;
      const bead = sling(h, "a", [], true);
      h.settle();
      expect(h.town.updateBead(bead, { rigId: other }, PERSON).rigId).toBe(other);
      const { bead: begun, session } = working(h);
      h.town.stopSession(session, "now", "", PERSON);
      expect(() => h.town.updateBead(begun, { rigId: other }, PERSON)).toThrow(/never started/);
    }));
});

describe("reassign", () => {
  it("ends the session with its work saved, counts nothing, and goes to another agent", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { bead, agent, session } = working(h);
      h.town.reassignBead(bead, { avoidAgentId: agent }, PERSON);
      h.settle();
      expect(h.town.session(session)).toMatchObject({ outcome: "stopped" });
      const next = h.town.session(h.session(bead));
      expect(next.agentId).not.toBe(agent);
      expect(h.town.bead(bead)).toMatchObject({ runFailures: 0, startFailures: 0, status: "in_progress" });
      h.town.reassignBead(bead, { agentId: agent }, PERSON);
      h.settle();
      expect(h.town.session(h.session(bead)).agentId).toBe(agent);
    }));

  it("refuses an agent of another rig or role", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.town.messageMayor("hello", PERSON);
      const { bead } = working(h);
      const mayor = h.town.agents().find((agent) => agent.role === "mayor")?.id ?? "";
      expect(() => h.town.reassignBead(bead, { agentId: mayor }, PERSON)).toThrow(/needs a polecat/);
    }));
});

describe("delete", () => {
  it("forgets a bead with its edges, and only by force while somebody works on it", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { bead, session } = working(h);
      const waiting = sling(h, "later", [bead]);
      h.settle();
      expect(() => h.town.deleteBead(bead, { force: false }, PERSON)).toThrow(/--force/);
      h.town.deleteBead(bead, { force: true }, PERSON);
      h.auto.done = true;
      h.settle();
      expect(() => h.town.bead(bead)).toThrow(/no bead/);
      expect(h.town.session(session)).toMatchObject({ state: "ended", outcome: "stopped" });
      expect(h.town.bead(waiting).status, "what waited for it goes on").toBe("closed");
      expect(h.town.checkInvariants()).toEqual([]);
    }));

  it("takes a dismissed merge request along", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.auto.verdict = false;
      const bead = sling(h, "a");
      h.settle();
      expect(h.town.merges({})).toHaveLength(1);
      h.town.deleteBead(bead, { force: true }, PERSON);
      h.settle();
      expect(h.town.merges({})).toEqual([]);
      expect(h.town.sessions({ live: true })).toEqual([]);
      expect(h.town.checkInvariants()).toEqual([]);
    }));
});

describe("an agent", () => {
  it("that is reset leaves its bead open without a counted attempt", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { bead, agent, session } = working(h);
      h.town.pause("", PERSON);
      h.town.resetAgent(agent, PERSON);
      h.settle();
      expect(h.town.session(session).outcome).toBe("stopped");
      expect(h.town.bead(bead)).toMatchObject({ status: "open", runFailures: 0 });
    }));

  it("can be deleted when it is idle, and its unread mail is reported", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { agent, session } = working(h);
      expect(() => h.town.deleteAgent(agent, PERSON)).toThrow(/works just now/);
      h.town.sendMail({ to: agent, subject: "s", body: "b" }, PERSON);
      h.town.pause("", PERSON);
      h.town.stopSession(session, "now", "", PERSON);
      h.settle();
      h.town.deleteAgent(agent, PERSON);
      expect(h.town.agents()).toEqual([]);
      expect(h.town.feed({ limit: 9, kind: "agent.deleted" })[0]?.text).toContain("1 message(s)");
      h.town.resume(PERSON);
      h.settle();
      expect(h.town.sessions({ live: true })).toHaveLength(1);
    }));
});
