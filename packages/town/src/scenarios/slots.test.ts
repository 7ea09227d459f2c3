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
