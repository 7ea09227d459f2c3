/** Convoys: graph, feature branch, landing as a whole (spec/town.md §3, spec/review.md §5). */
import { withSql } from "#host";
import { describe, expect, it } from "vitest";
import { harness, outcome, PERSON, type Harness } from "./harness.ts";

const chain = (titles: string[]) =>
  titles.map((title, i) => ({ title, ...(i > 0 ? { dependsOn: [i - 1] } : {}) }));

function sling(
  h: Harness,
  options: { staged?: boolean; mode?: "review-then-land" | "review-and-merge" } = {},
) {
  return h.town.slingConvoy(
    { title: "Big Goal!", rigId: h.rig, tasks: chain(["a", "b", "c"]), staged: false, ...options },
    PERSON,
  );
}

function codeOf(fn: () => unknown): unknown {
  try {
    fn();
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
  return "nothing thrown";
}

describe("slinging a convoy", () => {
  it("refuses a circle and names the tasks in it, and makes nothing", () =>
    withSql((sql) => {
      const h = harness(sql);
      const before = h.town.newestSeq();
      const tasks = [
        { title: "a", dependsOn: [2] },
        { title: "b", dependsOn: [0] },
        { title: "c", dependsOn: [1] },
      ];
      expect(() => h.town.slingConvoy({ title: "loop", rigId: h.rig, tasks }, PERSON)).toThrow(
        /0 \(a\).*2 \(c\).*1 \(b\)/,
      );
      expect(h.town.newestSeq()).toBe(before);
      expect(h.town.convoys({})).toEqual([]);
    }));

  it("refuses an index out of range or to itself, and tasks without any order", () =>
    withSql((sql) => {
      const h = harness(sql);
      const make = (tasks: { title: string; dependsOn?: number[] }[], parallel?: boolean) => () =>
        h.town.slingConvoy({ title: "x", rigId: h.rig, tasks, ...(parallel ? { parallel } : {}) }, PERSON);
      expect(codeOf(make([{ title: "a", dependsOn: [1] }]))).toBe("invalid_dependency");
      expect(codeOf(make([{ title: "a", dependsOn: [0] }]))).toBe("invalid_dependency");
      expect(codeOf(make([{ title: "a" }, { title: "b" }]))).toBe("dependencies_unspecified");
      expect(codeOf(make([{ title: "a" }, { title: "b" }], true))).toBe("nothing thrown");
    }));

  it("stays staged until somebody starts it", () =>
    withSql((sql) => {
      const h = harness(sql);
      const convoy = sling(h, { staged: true });
      h.settle();
      expect(h.town.convoy(convoy.id).state).toBe("staged");
      expect(h.town.convoy(convoy.id).nodes[0]?.waitingOn?.code).toBe("staged");
      h.town.startConvoy(convoy.id, PERSON);
      h.settle();
      expect(h.town.convoy(convoy.id).state).toBe("landed");
      expect(codeOf(() => h.town.startConvoy(convoy.id, PERSON))).toBe("convoy_not_staged");
    }));
});

describe("review-then-land", () => {
  it("merges members into the feature branch in order and lands it as a whole", () =>
    withSql((sql) => {
      const h = harness(sql);
      const convoy = sling(h);
      h.settle();
      const feature = Object.values(h.town.convoy(convoy.id).featureBranches)[0] ?? "";
      expect(feature).toMatch(/^convoy\/big-goal\/[0-9a-z]{8}\/head$/);
      const merges = h.carriedOut
        .filter((request) => request.kind === "merge")
        .map((request) => request.body);
      expect(merges.map((merge) => merge.target)).toEqual([feature, feature, feature, "main"]);
      expect(merges[3]?.branch).toBe(feature);
      expect(h.town.convoy(convoy.id)).toMatchObject({ state: "landed", progress: { total: 3, closed: 3 } });
      const starts = h.carriedOut.filter(
        (request) => request.kind === "start_session" && request.plan.role === "polecat",
      );
      for (const start of starts)
        expect(start).toMatchObject({ plan: { start_point: `refs/heads/${feature}`, target: feature } });
      expect(h.town.checkInvariants()).toEqual([]);
    }));

  it("starts no member before the feature branch is there, and asks for it again", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.on.branch = () => outcome({ outcome: "rejected", reason: "no such right" });
      const convoy = sling(h);
      h.settle();
      expect(h.town.convoy(convoy.id).nodes[0]?.waitingOn).toMatchObject({ code: "runner_unavailable" });
      expect(h.carriedOut.some((request) => request.kind === "start_session")).toBe(false);
      delete h.on.branch;
      h.advance(11 * 60_000);
      expect(h.town.convoy(convoy.id).state).toBe("landed");
    }));

  it("tries a failed landing again with growing waits and gives up after five", () =>
    withSql((sql) => {
      const h = harness(sql);
      const merge = (target: string) =>
        target === "main"
          ? outcome({ outcome: "rejected", reason: "protected" })
          : outcome({ outcome: "merged", commit: h.sha(), already: false });
      h.on.merge = (request) => merge(request.body.target);
      const convoy = sling(h);
      h.settle();
      expect(h.town.convoy(convoy.id)).toMatchObject({ state: "landing", landingAttempts: 1 });
      h.advance(3 * 60 * 60_000);
      expect(h.town.convoy(convoy.id).state).toBe("failed");
      expect(h.town.convoy(convoy.id).landing).toHaveLength(5);
      delete h.on.merge;
      h.town.retryConvoy(convoy.id, PERSON);
      h.settle();
      expect(h.town.convoy(convoy.id).state).toBe("landed");
      expect(h.town.checkInvariants()).toEqual([]);
    }));
});

describe("review-and-merge", () => {
  it("merges members into the default branch and needs no landing", () =>
    withSql((sql) => {
      const h = harness(sql);
      const convoy = sling(h, { mode: "review-and-merge" });
      h.settle();
      expect(h.town.convoy(convoy.id)).toMatchObject({ state: "landed", featureBranches: {}, landing: [] });
      const targets = h.carriedOut
        .filter((request) => request.kind === "merge")
        .map((request) => request.body.target);
      expect(targets).toEqual(["main", "main", "main"]);
    }));
});

describe("a member that does not succeed", () => {
  function failed(h: Harness) {
    h.auto.done = false;
    const convoy = sling(h);
    h.settle();
    h.town.failBead(h.bead("a").id, "cannot be done", PERSON);
    h.settle();
    return convoy;
  }

  it("holds the convoy and what waits for it, with one question", () =>
    withSql((sql) => {
      const h = harness(sql);
      const convoy = failed(h);
      expect(h.town.convoy(convoy.id).state).toBe("active");
      expect(h.bead("b").waitingOn).toMatchObject({ code: "blocked_by_failed" });
      expect(
        h.town
          .escalations({ open: true })
          .map((e) => e.category)
          .toSorted(),
      ).toEqual(["blocked_by_failed", "convoy_held"]);
      h.advance(60 * 60_000);
      expect(h.town.escalations({ open: true })).toHaveLength(2);
    }));

  it("that was cancelled is not offered for a retry, and a retry of the convoy asks anew", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.auto.done = false;
      const convoy = sling(h);
      h.settle();
      h.town.closeBead(h.bead("a").id, "cancelled", "", PERSON);
      h.settle();
      const held = () =>
        h.town.escalations({ open: true }).filter(({ category }) => category === "convoy_held");
      const [first] = held();
      expect(first?.choices.map(({ id }) => id)).toEqual(["waive", "close"]);
      h.town.retryConvoy(convoy.id, PERSON);
      h.settle();
      expect(held()).toHaveLength(1);
      expect(held()[0]?.id).not.toBe(first?.id);
      expect(h.town.checkInvariants()).toEqual([]);
    }));

  it("goes on when it is waived", () =>
    withSql((sql) => {
      const h = harness(sql);
      const convoy = failed(h);
      h.auto.done = true;
      h.town.waiveMember(convoy.id, h.bead("a").id, "not needed", PERSON);
      h.settle();
      expect(h.town.convoy(convoy.id)).toMatchObject({ state: "landed", progress: { waived: 1 } });
      expect(h.town.escalations({ open: true })).toEqual([]);
    }));

  it("goes on when it is retried", () =>
    withSql((sql) => {
      const h = harness(sql);
      const convoy = failed(h);
      h.auto.done = true;
      h.town.retryBead(h.bead("a").id, { fresh: false, note: "" }, PERSON);
      h.settle();
      expect(h.town.convoy(convoy.id).state).toBe("landed");
    }));

  it("is passed where the policy says skip", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.town.setRigConfig(h.rig, { on_blocker_failure: "skip" }, PERSON);
      failed(h);
      h.auto.done = true;
      h.settle();
      expect(h.bead("b").reason).toBe("merged");
    }));
});

describe("closing a convoy", () => {
  it("stops its sessions and cancels its members", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.auto.done = false;
      const convoy = sling(h);
      h.settle();
      h.town.closeConvoy(convoy.id, "changed my mind", PERSON);
      h.settle();
      expect(Object.values(h.statuses())).toEqual(Array(3).fill("closed:cancelled"));
      expect(h.town.sessions({ live: true })).toEqual([]);
      h.advance(10 * 60_000);
      expect(h.town.nextWakeAt()).toBeNull();
      expect(codeOf(() => h.town.waiveMember(convoy.id, h.bead("a").id, "", PERSON))).toBe("convoy_finished");
    }));
});
