/**
 * The race: work that went on without its broken blocker (`on_blocker_failure: skip`) is being merged
 * when a person tries the blocker again (spec/review.md §2: an open blocker keeps it out of `landing`).
 */
import { withSql } from "#host";
import { describe, expect, it } from "vitest";
import { harness, PERSON } from "./harness.ts";

describe("a blocker that is opened again while what waited for it lands", () => {
  it("has that merge withdrawn, and its end lets it go on", () =>
    withSql((sql) => {
      const h = harness(sql);
      const other = h.town.addRig({ name: "lib", gitUrl: "/repo/lib.git" }, PERSON).id;
      h.town.setConfig({ on_blocker_failure: "skip" }, PERSON);
      const blocker = h.town.sling(other, { title: "Blocker" }, { held: true }, PERSON).id;
      const work = h.town.sling(h.rig, { title: "Work", dependsOn: [blocker] }, { held: false }, PERSON).id;
      h.settle();
      h.town.failBead(blocker, "no", PERSON);
      h.on.merge = () => ({ type: "accepted" });
      h.settle();
      expect(h.town.merge(work).state).toBe("landing");

      h.auto.done = false;
      h.town.retryBead(blocker, { fresh: false, note: "" }, PERSON);
      h.settle();
      const asked = h.carriedOut.find((request) => request.kind === "withdraw_merge");
      h.town.post({
        type: "effect_settled",
        effectId: asked?.effectId ?? "",
        runnerEpoch: h.town.runnerEpoch(),
        attempt: 1,
        outcome: { outcome: "withdrawn" },
      });
      h.settle();
      expect(h.town.merge(work)).toMatchObject({
        state: "approved",
        waitingOn: { code: "blocked" },
      });
      expect(h.town.checkInvariants()).toEqual([]);

      delete h.on.merge;
      h.town.requestDone(h.session(blocker), { summary: "it was there", no_changes: true });
      h.settle();
      expect(h.statuses()).toEqual({ Blocker: "closed:no_changes", Work: "closed:merged" });
    }));
});
