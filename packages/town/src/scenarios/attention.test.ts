/** What `merges.attention` shows to a person (spec/api.md §3.8). */
import { withSql } from "#host";
import { describe, expect, it } from "vitest";
import { PERSON } from "./harness.ts";
import { check, checksOf, forgeHarness, http, type ForgeHarness, type Pull } from "./memory-forge.ts";

const MINUTE = 60_000;

describe("attention", () => {
  it.each<[string, Record<string, unknown>, (h: ForgeHarness, pull: Pull) => void]>([
    ["failed", {}, (h) => void (h.forge.error = http(401))],
    [
      "approval",
      {},
      (_h, pull) => void (pull.signals.approval = { state: "known", decision: "review_required" }),
    ],
    ["conflict", { auto_resolve_conflicts: false }, (_h, pull) => void (pull.pr.mergeable = "dirty")],
    ["checks_red", {}, (_h, pull) => checksOf(pull, [check("ci", "failure")])],
    ["manual_merge", {}, () => undefined],
    ["rounds_exhausted", { max_change_rounds: 1 }, (_h, pull) => void (pull.pr.mergeable = "dirty")],
  ])("shows %s", (category, review, spoil) =>
    withSql((sql) => {
      const h = forgeHarness(sql, { auto_merge: false, ...review });
      const bead = h.town.sling(h.rig, { title: "Add x" }, { held: false }, PERSON);
      h.settle();
      spoil(h, h.forge.pull("Add x"));
      h.advance(2 * MINUTE);
      const [item, ...more] = h.town.attention();
      expect(more).toEqual([]);
      expect(item).toMatchObject({
        category,
        sourceBead: { id: bead.id, title: "Add x" },
        rigName: "app",
        mergeRequest: { id: h.town.merge(bead.id).id },
      });
      expect(item?.actions.length).toBeGreaterThan(0);
      h.forge.error = null;
      h.town.dismissMerge(bead.id, { note: "", source: "close" }, PERSON);
      expect(h.town.attention()).toEqual([]);
    }),
  );

  it("shows a pull request on which nothing happened for a day, and nothing before", () =>
    withSql((sql) => {
      const h = forgeHarness(sql, { auto_merge: false, poll_seconds: 3_600 });
      h.town.sling(h.rig, { title: "Add x" }, { held: false }, PERSON);
      h.settle();
      h.forge.pull("Add x").pr.mergeable = "blocked";
      h.advance(60 * MINUTE);
      h.advance(24 * 60 * MINUTE - 1);
      expect(h.town.attention()).toEqual([]);
      h.advance(1);
      expect(h.town.attention()).toMatchObject([{ category: "stale" }]);
    }));
});
