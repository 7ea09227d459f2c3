/** What a runner's registration changes, and what it must not (spec/runner.md §2, §3, §6). */
import { withSql } from "#host";
import { describe, expect, it } from "vitest";
import { harness, PERSON } from "./harness.ts";

const FIRST = "run_00000000000000000000000001";
const NEXT = "run_00000000000000000000000002";

describe("a registration", () => {
  it("whose answer was lost is answered again, and fences nothing a second time", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.auto.done = false;
      const bead = h.town.sling(h.rig, { title: "x" }, { held: false }, PERSON);
      h.settle();
      const id = h.session(bead.id);
      const first = h.town.registerRunner(NEXT);
      const epoch = h.town.session(id).epoch;
      const again = h.town.registerRunner(NEXT);
      expect(again).toEqual(first);
      expect(h.town.session(id).epoch).toBe(epoch);
      expect(h.town.registerRunner(FIRST).epoch).toBeGreaterThan(first.epoch);
      expect(h.town.session(id).epoch).toBeGreaterThan(epoch);
    }));

  it("forgets which sessions had their tools: the agent that goes on has to list them itself", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.auto.done = false;
      const bead = h.town.sling(h.rig, { title: "x" }, { held: false }, PERSON);
      h.settle();
      const id = h.session(bead.id);
      expect(h.town.hasListedTools(id)).toBe(true);
      h.town.registerRunner(NEXT);
      expect(h.town.hasListedTools(id)).toBe(false);
      h.town.toolsListed(id);
      expect(h.town.hasListedTools(id)).toBe(true);
    }));
});
