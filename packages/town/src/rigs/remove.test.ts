/** Taking a rig out of the town leaves nothing of it that could come back (spec/api.md §3.4). */
import { withSql } from "#host";
import { describe, expect, it } from "vitest";
import { harness, PERSON } from "../scenarios/harness.ts";

describe("removing a rig", () => {
  it("ends its sessions, beads, convoys and agents, and leaves no timer", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.auto.done = false;
      h.town.sling(h.rig, { title: "a" }, { held: false }, PERSON);
      const tasks = [{ title: "x" }, { title: "y", dependsOn: [0] }];
      const convoy = h.town.slingConvoy({ title: "c", rigId: h.rig, tasks, staged: false }, PERSON);
      h.settle();
      expect(() => h.town.removeRig("app", { force: false }, PERSON)).toThrow(/--force/);
      h.town.removeRig("app", { force: true }, PERSON);
      h.settle();
      expect(h.town.sessions({ live: true })).toEqual([]);
      expect(h.statuses()).toEqual({ a: "closed:cancelled", x: "closed:cancelled", y: "closed:cancelled" });
      expect(h.town.convoy(convoy.id).state).toBe("closed");
      expect(h.town.agents()).toEqual([]);
      expect(h.town.escalations({ open: true })).toEqual([]);
      h.advance(10 * 60_000);
      expect(h.town.nextWakeAt()).toBeNull();
      expect(h.town.checkInvariants()).toEqual([]);
      const again = h.town.addRig({ name: "app", gitUrl: "/repo/app.git" }, PERSON);
      h.auto.done = true;
      h.town.sling(again.id, { title: "b" }, { held: false }, PERSON);
      h.settle();
      expect(h.bead("b").status).toBe("closed");
    }));

  it("waits for what is landing just now", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.on.merge = () => ({ type: "accepted" });
      h.town.sling(h.rig, { title: "a" }, { held: false }, PERSON);
      h.settle();
      expect(() => h.town.removeRig("app", { force: true }, PERSON)).toThrow(/landing just now/);
    }));
});
