/** Who gets a slot, and what keeps everybody from one (spec/town.md §5, dispatcher). */
import { withSql } from "#host";
import { describe, expect, it } from "vitest";
import { harness, PERSON } from "./harness.ts";

describe("slots", () => {
  it("never run more polecats than the rig allows, and fill up as they end", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.auto.done = false;
      h.town.setRigConfig(h.rig, { limits: { max_polecats_per_rig: 2 } }, PERSON);
      for (let i = 0; i < 5; i++) h.town.sling(h.rig, { title: `b${i}` }, { held: false }, PERSON);
      h.settle();
      expect(h.town.sessions({ live: true })).toHaveLength(2);
      const waiting = h.town.status().waiting.map((entry) => entry.waitingOn);
      expect(waiting.map((entry) => [entry.code, entry.position])).toEqual([
        ["no_slot", 1],
        ["no_slot", 2],
        ["no_slot", 3],
      ]);
      h.auto.done = true;
      h.settle();
      expect(Object.values(h.statuses())).toEqual(Array(5).fill("closed:merged"));
      expect(h.town.checkInvariants()).toEqual([]);
    }));

  it("go to the higher priority first", () =>
    withSql((sql) => {
      const h = harness(sql, { ready: false });
      h.town.setRigConfig(h.rig, { limits: { max_polecats_per_rig: 1 } }, PERSON);
      h.auto.done = false;
      h.town.sling(h.rig, { title: "low", priority: "low" }, { held: false }, PERSON);
      h.town.sling(h.rig, { title: "urgent", priority: "critical" }, { held: false }, PERSON);
      h.settle();
      expect(h.bead("urgent").status).toBe("in_progress");
      expect(h.bead("low").status).toBe("open");
    }));

  it("start nothing while the town is paused", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.town.pause("lunch", PERSON);
      const bead = h.town.sling(h.rig, { title: "x" }, { held: false }, PERSON);
      h.settle();
      expect(h.town.bead(bead.id).waitingOn).toMatchObject({ code: "paused" });
      h.town.resume(PERSON);
      h.settle();
      expect(h.town.bead(bead.id).status).toBe("closed");
    }));
});

describe("the slots of the town", () => {
  it("go to the most urgent work of all rigs, whichever rig is asked first", () =>
    withSql((sql) => {
      const h = harness(sql);
      const other = h.town.addRig({ name: "other", gitUrl: "/repo/other.git" }, PERSON).id;
      h.town.setConfig({ limits: { max_agents: 1 } }, PERSON);
      h.auto.done = false;
      h.town.pause("", PERSON);
      for (let i = 0; i < 3; i++) h.town.sling(h.rig, { title: `a${i}` }, { held: false }, PERSON);
      h.town.sling(other, { title: "urgent", priority: "high" }, { held: false }, PERSON);
      h.settle();
      h.town.resume(PERSON);
      h.settle();
      expect(h.bead("urgent").status).toBe("in_progress");
      expect(h.bead("a0").status).toBe("open");
    }));

  it("go to the older work of equal priority, so that no rig starves another", () =>
    withSql((sql) => {
      const h = harness(sql);
      const other = h.town.addRig({ name: "other", gitUrl: "/repo/other.git" }, PERSON).id;
      h.town.setConfig({ limits: { max_agents: 1 } }, PERSON);
      h.settle();
      const order: string[] = [];
      h.on.start_session = ({ plan }) => {
        if (plan.role === "polecat") order.push(plan.bead?.title ?? "");
        return { type: "done" };
      };
      h.town.pause("", PERSON);
      for (const [rig, title] of [
        [h.rig, "a0"],
        [other, "b0"],
        [h.rig, "a1"],
        [other, "b1"],
      ] as const) {
        h.advance(1_000);
        h.town.sling(rig, { title }, { held: false }, PERSON);
      }
      h.town.resume(PERSON);
      h.settle();
      expect(order).toEqual(["a0", "b0", "a1", "b1"]);
    }));
});
