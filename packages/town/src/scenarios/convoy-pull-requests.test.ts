/** Convoys over pull requests, in both modes (spec/review.md §5). */
import { withSql } from "#host";
import { describe, expect, it } from "vitest";
import { PERSON } from "./harness.ts";
import { forgeHarness, type ForgeHarness } from "./memory-forge.ts";

const SECOND = 1_000;
const MINUTE = 60_000;

const chain = [{ title: "a" }, { title: "b", dependsOn: [0] }, { title: "c", dependsOn: [1] }];
function sling(
  h: ForgeHarness,
  mode: "review-then-land" | "review-and-merge",
  tasks: { title: string; dependsOn?: number[]; rigId?: string }[] = chain,
) {
  const convoy = h.town.slingConvoy({ title: "Ship it", rigId: h.rig, tasks, mode, staged: false }, PERSON);
  h.settle();
  return convoy.id;
}
const landingOf = (h: ForgeHarness, convoy: string) =>
  h.town.merge(h.town.convoy(convoy).landing.at(-1)?.beadId ?? "");

describe("review-then-land", () => {
  it("three pull requests into the feature branch, each before the next, and one that lands them", () =>
    withSql((sql) => {
      // The grace period guards the default branch only.
      const h = forgeHarness(sql, { auto_merge_delay_minutes: 5 });
      const convoy = sling(h, "review-then-land");
      const feature = h.town.convoy(convoy).featureBranches[h.rig] ?? "";
      expect(h.forge.pulls.map(({ pr }) => [pr.title, pr.head === feature, pr.base])).toEqual([
        ["a", false, feature],
        ["b", false, feature],
        ["c", false, feature],
        ["Land Ship it", true, "main"],
      ]);
      expect(h.town.convoy(convoy)).toMatchObject({ state: "landing", progress: { closed: 3, total: 3 } });
      h.advance(5 * MINUTE - 1);
      expect(h.town.convoy(convoy).state).toBe("landing");
      h.advance(1);
      expect(h.town.convoy(convoy).state).toBe("landed");
      const kinds = h.carriedOut.flatMap((one) =>
        one.kind === "merge_pull_request" ? ["merge"] : one.kind === "start_session" ? ["start"] : [],
      );
      expect(kinds).toEqual(["start", "merge", "start", "merge", "start", "merge", "merge"]);
      expect(h.town.checkInvariants()).toEqual([]);
    }));

  it("lands each rig by its own pull request, and what merged stays merged", () =>
    withSql((sql) => {
      const h = forgeHarness(sql);
      const other = h.town.addRig({ name: "web", gitUrl: "https://github.com/acme/web.git" }, PERSON).id;
      h.town.setRigConfig(
        other,
        { merge_strategy: "pr", review: { code_review: false, auto_merge_delay_minutes: null } },
        PERSON,
      );
      h.settle();
      const convoy = sling(h, "review-then-land", [
        { title: "a" },
        { title: "b", rigId: other, dependsOn: [0] },
      ]);
      const states = h.town.convoy(convoy).landing.map(({ rigId, state }) => [rigId, state]);
      expect(Object.fromEntries(states)).toEqual({ [h.rig]: "merged", [other]: "approved" });
      expect(h.town.convoy(convoy).state).toBe("landing");
      const waits = h.town.convoy(convoy).landing.find(({ rigId }) => rigId === other)?.beadId ?? "";
      h.town.mergeNow(waits, h.town.merge(waits).headSha, PERSON);
      h.settle();
      expect(h.town.convoy(convoy).state).toBe("landed");
      expect(h.town.checkInvariants()).toEqual([]);
    }));

  it("is closed and retried with the landings of all of its rigs", () =>
    withSql((sql) => {
      const h = forgeHarness(sql, { auto_merge_delay_minutes: null });
      const other = h.town.addRig({ name: "web", gitUrl: "https://github.com/acme/web.git" }, PERSON).id;
      h.town.setRigConfig(
        other,
        { merge_strategy: "pr", review: { code_review: false, auto_merge_delay_minutes: null } },
        PERSON,
      );
      h.settle();
      const convoy = sling(h, "review-then-land", [
        { title: "a" },
        { title: "b", rigId: other, dependsOn: [0] },
      ]);
      const states = (): string[] => h.town.convoy(convoy).landing.map(({ state }) => state);
      expect(states()).toEqual(["approved", "approved"]);
      const landings = h.forge.pulls.filter(({ pr }) => pr.title === "Land Ship it");
      expect(landings).toHaveLength(2);
      for (const { pr } of landings) pr.state = "closed";
      h.advance(2 * MINUTE);
      expect(states()).toEqual(["failed", "failed"]);
      expect(h.town.attention().map(({ category }) => category)).toEqual(["failed", "failed"]);
      for (const { pr } of landings) pr.state = "open";
      for (const { id } of h.town.escalations({ open: true }))
        h.town.resolveEscalation(id, { choice: "retry" }, PERSON);
      h.advance(2 * MINUTE);
      expect(states()).toEqual(["approved", "approved"]);
      h.town.closeConvoy(convoy, "", PERSON);
      h.settle();
      expect(states()).toEqual(["failed", "failed"]);
      expect(h.town.checkInvariants()).toEqual([]);
    }));

  it("brings the feature branch up to date before it is gated and reviewed as a whole", () =>
    withSql((sql) => {
      const h = forgeHarness(sql, { gates: ["npm test"], auto_merge: false });
      const convoy = sling(h, "review-then-land", [{ title: "a" }]);
      const merge = h.town.merge(h.bead("a").id);
      expect(merge.state).toBe("approved");
      h.town.mergeNow(h.bead("a").id, merge.headSha, PERSON);
      h.settle();
      const landing = landingOf(h, convoy);
      const update = h.carriedOut.find((one) => one.kind === "update_branch");
      const before = update?.kind === "update_branch" ? update.body.head_sha : "";
      expect(update).toMatchObject({ body: { branch: landing.branch, target: "main", check_head: null } });
      expect(landing.headSha).not.toBe(before);
      const gated = h.carriedOut.flatMap((one) => (one.kind === "run_gates" ? [one.body.head_sha] : []));
      expect(gated).toContain(landing.headSha);
      expect(gated).not.toContain(before);
      expect(landing).toMatchObject({ state: "approved", reviewedSha: landing.headSha });
      expect(h.town.checkInvariants()).toEqual([]);
    }));

  it.each([
    { outcome: "missing_ref", ref: "main" },
    { outcome: "error", message: "disk" },
    { outcome: "rejected", reason: "protected" },
  ] as const)("goes on with the branch as it is where the update answers $outcome", (answer) =>
    withSql((sql) => {
      const h = forgeHarness(sql);
      h.on.update_branch = () => ({ type: "outcome", outcome: answer });
      const convoy = sling(h, "review-then-land", [{ title: "a" }]);
      expect(h.town.convoy(convoy).state).toBe("landed");
      expect(h.carriedOut.filter((one) => one.kind === "update_branch")).toHaveLength(1);
    }),
  );

  it("leaves a conflict with the target to the forge that finds it again", () =>
    withSql((sql) => {
      const h = forgeHarness(sql, { auto_resolve_conflicts: false });
      h.on.update_branch = () => ({ type: "outcome", outcome: { outcome: "conflict", files: ["a.txt"] } });
      const open = h.on.open_pull_request;
      h.on.open_pull_request = (request, effect) => {
        const answer = open?.(request, effect) ?? "lost";
        if (request.target === "main") h.forge.pull("Land Ship it").pr.mergeable = "dirty";
        return answer;
      };
      const convoy = sling(h, "review-then-land", [{ title: "a" }]);
      expect(landingOf(h, convoy)).toMatchObject({ state: "approved", waitingOn: { code: "conflict" } });
    }));

  it("needs no landing where nothing was merged into the feature branch", () =>
    withSql((sql) => {
      const h = forgeHarness(sql);
      h.auto.done = false;
      const convoy = sling(h, "review-then-land", [{ title: "a" }]);
      h.town.requestDone(h.session(h.bead("a").id), { summary: "there already", no_changes: true });
      h.settle();
      expect(h.town.convoy(convoy)).toMatchObject({ state: "landed", landing: [] });
      expect(h.forge.pulls).toEqual([]);
      expect(h.town.checkInvariants()).toEqual([]);
    }));

  it("is held by a member whose pull request failed, and goes on when that is retried", () =>
    withSql((sql) => {
      const h = forgeHarness(sql);
      const merge = h.on.merge_pull_request;
      h.on.merge_pull_request = () => ({
        type: "forge",
        answer: { of: "merge", result: { kind: "closed" } },
      });
      const convoy = sling(h, "review-then-land");
      expect(h.town.bead(h.bead("a").id)).toMatchObject({ status: "open", held: true, reason: "pr_closed" });
      expect(h.bead("b")).toMatchObject({ status: "open", waitingOn: { code: "blocked" } });
      if (merge) h.on.merge_pull_request = merge;
      h.town.retryMerge(h.bead("a").id, PERSON);
      h.advance(3 * MINUTE);
      expect(h.town.convoy(convoy).state).toBe("landed");
    }));

  it("tries a landing five times, each after a longer wait, then has failed", () =>
    withSql((sql) => {
      const h = forgeHarness(sql);
      const open = h.on.open_pull_request;
      h.on.open_pull_request = (request, effect) =>
        request.target === "main"
          ? { type: "refused", reason: { code: "x", message: "no" } }
          : (open?.(request, effect) ?? "lost");
      const convoy = sling(h, "review-then-land", [{ title: "a" }]);
      const tries = (): number => h.town.convoy(convoy).landing.length;
      expect(tries()).toBe(1);
      for (const [n, wait] of [60, 120, 240, 480].entries()) {
        h.advance(wait * SECOND - 1);
        expect(tries()).toBe(n + 1);
        h.advance(1);
        expect(tries()).toBe(n + 2);
      }
      expect(h.town.convoy(convoy).state).toBe("failed");
    }));

  it("makes no new attempt while a landing waits for an approval", () =>
    withSql((sql) => {
      const h = forgeHarness(sql);
      const other = h.town.addRig({ name: "web", gitUrl: "https://github.com/acme/web.git" }, PERSON).id;
      h.town.setRigConfig(
        other,
        { merge_strategy: "pr", review: { code_review: false, auto_merge_delay_minutes: 0 } },
        PERSON,
      );
      h.settle();
      const open = h.on.open_pull_request;
      h.on.open_pull_request = (request, effect) => {
        if (request.target !== "main") return open?.(request, effect) ?? "lost";
        if (request.rig.id === h.rig) return { type: "refused", reason: { code: "x", message: "no" } };
        const answer = open?.(request, effect) ?? "lost";
        const pull = h.forge.pulls.at(-1);
        if (pull) pull.signals.approval = { state: "known", decision: "review_required" };
        return answer;
      };
      const convoy = sling(h, "review-then-land", [
        { title: "a" },
        { title: "b", rigId: other, dependsOn: [0] },
      ]);
      h.advance(60 * MINUTE);
      const mine = (): number => h.town.convoy(convoy).landing.filter(({ rigId }) => rigId === h.rig).length;
      expect(h.town.convoy(convoy)).toMatchObject({ state: "landing" });
      expect(mine()).toBe(1);
      if (open) h.on.open_pull_request = open;
      for (const { signals } of h.forge.pulls) signals.approval = { state: "known", decision: "approved" };
      h.advance(5 * MINUTE);
      expect(h.town.convoy(convoy).state).toBe("landed");
    }));

  it("asks a person, and tries nothing, when somebody closed its landing", () =>
    withSql((sql) => {
      const h = forgeHarness(sql, { auto_merge_delay_minutes: null });
      const convoy = sling(h, "review-then-land", [{ title: "a" }]);
      h.forge.pull("Land Ship it").pr.state = "closed";
      h.advance(3 * 60 * MINUTE);
      expect(h.town.convoy(convoy)).toMatchObject({ state: "landing" });
      expect(h.town.convoy(convoy).landing).toHaveLength(1);
      const [question] = h.town.escalations({ open: true });
      expect(question).toMatchObject({ category: "pr_closed" });
      h.forge.pull("Land Ship it").pr.state = "open";
      h.town.resolveEscalation(question?.id ?? "", { choice: "retry" }, PERSON);
      h.advance(MINUTE);
      expect(landingOf(h, convoy)).toMatchObject({ state: "approved", waitingOn: { code: "manual" } });
    }));
});

describe("review-and-merge", () => {
  it("each member goes into the default branch by its own pull request", () =>
    withSql((sql) => {
      const h = forgeHarness(sql);
      const convoy = sling(h, "review-and-merge");
      expect(h.forge.pulls.map(({ pr }) => [pr.title, pr.base])).toEqual([
        ["a", "main"],
        ["b", "main"],
        ["c", "main"],
      ]);
      expect(h.town.convoy(convoy)).toMatchObject({ state: "landed", landing: [] });
      expect(h.town.checkInvariants()).toEqual([]);
    }));

  it("keeps the grace period, because it is the default branch", () =>
    withSql((sql) => {
      const h = forgeHarness(sql, { auto_merge_delay_minutes: 5 });
      const convoy = sling(h, "review-and-merge");
      expect(h.forge.merges).toEqual([]);
      h.advance(5 * MINUTE);
      expect(h.forge.merges).toHaveLength(1);
      h.advance(10 * MINUTE);
      expect(h.town.convoy(convoy).state).toBe("landed");
    }));
});
