/** Approvals and rules of the target, as they come and go on the forge (spec/review.md §4.3, §4.4). */
import { withSql } from "#host";
import { describe, expect, it } from "vitest";
import { PERSON } from "./harness.ts";
import { forgeHarness, thread, threadsOf } from "./memory-forge.ts";

const MINUTE = 60_000;

/** Given an approved pull request in a repository that requires approvals, kept by one thread. */
function approvedWithThread(sql: Parameters<typeof forgeHarness>[0]) {
  const h = forgeHarness(sql, { auto_resolve_feedback: true });
  const open = h.on.open_pull_request;
  h.on.open_pull_request = (request, effect) => {
    const answer = open?.(request, effect) ?? "lost";
    const pull = h.forge.pull("Add x");
    pull.signals.approval = { state: "known", decision: "approved" };
    threadsOf(pull, [thread("t1", "rename it")]);
    return answer;
  };
  h.auto.done = false;
  const bead = h.town.sling(h.rig, { title: "Add x" }, { held: false }, PERSON).id;
  h.settle();
  h.town.requestDone(h.session(bead), { summary: "did it" });
  h.settle();
  const [fix] = h.town.beads({ kind: ["feedback"] }, { limit: 5 }).items;
  return { h, bead, pull: h.forge.pull("Add x"), fix: fix?.id ?? "" };
}

describe("an approval", () => {
  it("that a push dismissed is waited for anew, and nothing is merged without it", () =>
    withSql((sql) => {
      const { h, bead, pull, fix } = approvedWithThread(sql);
      const before = h.town.merge(bead).headSha;
      threadsOf(pull, []);
      pull.signals.approval = { state: "known", decision: "review_required" };
      pull.pr.mergeable = "blocked";
      h.town.requestDone(h.session(fix), { summary: "renamed" });
      h.settle();
      h.advance(24 * 60 * MINUTE);
      const waiting = h.town.merge(bead);
      expect(waiting).toMatchObject({ state: "approved", waitingOn: { code: "approval" } });
      expect(waiting.headSha).not.toBe(before);
      expect(h.forge.merges).toEqual([]);
      expect(h.town.attention().map(({ category }) => category)).toEqual(["approval"]);
      pull.signals.approval = { state: "known", decision: "approved" };
      pull.pr.mergeable = "clean";
      h.advance(MINUTE);
      expect(h.town.merge(bead)).toMatchObject({ state: "merged", reviewedSha: waiting.headSha });
      expect(h.forge.merges.map(({ headSha }) => headSha)).toEqual([waiting.headSha]);
      expect(h.town.checkInvariants()).toEqual([]);
    }));
});

describe("rules of the target", () => {
  it("that block without a reason keep it, however green the rest is", () =>
    withSql((sql) => {
      const h = forgeHarness(sql);
      const open = h.on.open_pull_request;
      h.on.open_pull_request = (request, effect) => {
        const answer = open?.(request, effect) ?? "lost";
        h.forge.pull("Add x").pr.mergeable = "blocked";
        return answer;
      };
      const bead = h.town.sling(h.rig, { title: "Add x" }, { held: false }, PERSON).id;
      h.settle();
      h.advance(60 * MINUTE);
      expect(h.forge.merges).toEqual([]);
      expect(h.town.merge(bead)).toMatchObject({ state: "approved", waitingOn: { code: "unknown" } });
      h.forge.pull("Add x").pr.mergeable = "clean";
      h.advance(MINUTE);
      expect(h.town.merge(bead).state).toBe("merged");
    }));
});
