/** When a pull request is merged, and how it ends otherwise (spec/review.md §4.4, §4.5). */
import { withSql } from "#host";
import { describe, expect, it } from "vitest";
import { PERSON } from "./harness.ts";
import { check, checksOf, forgeHarness, http, thread, threadsOf, type ForgeHarness } from "./memory-forge.ts";

const MINUTE = 60_000;

function opened(h: ForgeHarness, title = "Add x"): string {
  const bead = h.town.sling(h.rig, { title }, { held: false }, PERSON);
  h.settle();
  return bead.id;
}
const kinds = (h: ForgeHarness, kind: string) =>
  h.town.feed({ limit: 200, kind }).map((entry) => ({ ...entry.data, reason: entry.reason }));
const opens = (h: ForgeHarness): string[] => h.town.escalations({ open: true }).map((one) => one.category);

describe("the grace period", () => {
  it("merges when it was green for that long, and not a moment before", () =>
    withSql((sql) => {
      const h = forgeHarness(sql, { auto_merge_delay_minutes: 5 });
      const bead = opened(h);
      expect(h.town.merge(bead)).toMatchObject({ state: "approved", waitingOn: { code: "grace" } });
      h.advance(5 * MINUTE - 1);
      expect(h.town.merge(bead).state).toBe("approved");
      h.advance(1);
      expect(h.town.merge(bead).state).toBe("merged");
      expect(kinds(h, "pr.auto_merge_scheduled")).toHaveLength(1);
      expect(h.town.checkInvariants()).toEqual([]);
    }));

  it("reads everything again at its end", () =>
    withSql((sql) => {
      const h = forgeHarness(sql, { auto_merge_delay_minutes: 5, poll_seconds: 3_600 });
      const bead = opened(h);
      h.advance(5 * MINUTE - 1);
      const polls = h.forge.polls;
      h.forge.pull("Add x").signals.approval = { state: "known", decision: "review_required" };
      h.advance(1);
      expect(h.forge.polls).toBe(polls + 1);
      expect(h.town.merge(bead)).toMatchObject({ state: "approved", waitingOn: { code: "approval" } });
      expect(h.forge.merges).toEqual([]);
    }));

  it.each<[string, (h: ForgeHarness) => void]>([
    ["a pending check", (h) => checksOf(h.forge.pull("Add x"), [check("ci", "pending")])],
    ["a red check", (h) => checksOf(h.forge.pull("Add x"), [check("ci", "failure")])],
    ["a thread", (h) => threadsOf(h.forge.pull("Add x"), [thread("t", "no")])],
    ["a draft", (h) => void (h.forge.pull("Add x").pr.draft = true)],
    [
      "an unknown signal",
      (h) => void (h.forge.pull("Add x").signals.threads = { state: "unknown", why: "502" }),
    ],
    ["a poll that fails", (h) => void (h.forge.error = http(500))],
  ])("begins anew after %s", (_name, spoil) =>
    withSql((sql) => {
      const h = forgeHarness(sql, { auto_merge_delay_minutes: 5 });
      const bead = opened(h);
      const pull = h.forge.pull("Add x");
      h.advance(3 * MINUTE);
      spoil(h);
      h.advance(MINUTE);
      h.forge.error = null;
      pull.pr.draft = false;
      threadsOf(pull, []);
      checksOf(pull, [check("ci", "success")]);
      h.advance(MINUTE);
      h.advance(5 * MINUTE - 1);
      expect(h.town.merge(bead).state).toBe("approved");
      h.advance(1);
      expect(h.town.merge(bead).state).toBe("merged");
      expect(kinds(h, "pr.auto_merge_cancelled")).toHaveLength(1);
    }),
  );

  it("null never merges by itself; auto_merge off neither", () =>
    withSql((sql) => {
      const h = forgeHarness(sql, { auto_merge_delay_minutes: null });
      const bead = opened(h);
      h.advance(60 * MINUTE);
      expect(h.town.merge(bead)).toMatchObject({ state: "approved", waitingOn: { code: "manual" } });
      h.town.setRigConfig(
        h.rig,
        {
          merge_strategy: "pr",
          review: { auto_merge: false, auto_merge_delay_minutes: 0, code_review: false },
        },
        PERSON,
      );
      h.advance(60 * MINUTE);
      expect(h.town.merge(bead)).toMatchObject({ state: "approved", waitingOn: { code: "manual" } });
      expect(h.forge.merges).toEqual([]);
    }));

  it("is not begun while the town is paused", () =>
    withSql((sql) => {
      const h = forgeHarness(sql, { auto_merge_delay_minutes: 1 });
      const bead = opened(h);
      h.town.pause("", PERSON);
      h.advance(10 * MINUTE);
      expect(h.town.merge(bead)).toMatchObject({ state: "approved", waitingOn: { code: "paused" } });
      h.town.resume(PERSON);
      h.advance(3 * MINUTE);
      expect(h.town.merge(bead).state).toBe("merged");
    }));
});

describe("what the forge does not say", () => {
  it("no checks at all are believed two minutes after the push, unless they are required", () =>
    withSql((sql) => {
      const h = forgeHarness(sql);
      h.forge.none = true;
      const bead = opened(h);
      expect(h.town.merge(bead)).toMatchObject({ state: "approved", waitingOn: { code: "checks" } });
      h.advance(2 * MINUTE - 1);
      expect(h.town.merge(bead).state).toBe("approved");
      h.advance(MINUTE);
      expect(h.town.merge(bead).state).toBe("merged");
    }));

  it("waits for an approval for days, with one read per poll and nobody disturbed", () =>
    withSql((sql) => {
      const h = forgeHarness(sql, { poll_seconds: 3_600, auto_merge: false });
      const bead = opened(h);
      h.forge.pull("Add x").signals.approval = { state: "known", decision: "review_required" };
      h.advance(3 * 24 * 60 * MINUTE);
      expect(h.town.merge(bead)).toMatchObject({ state: "approved", waitingOn: { code: "approval" } });
      expect(opens(h)).toEqual([]);
      expect(kinds(h, "pr.awaiting_approval_detected")).toHaveLength(1);
      h.forge.pull("Add x").signals.approval = { state: "known", decision: "approved" };
      h.advance(60 * MINUTE);
      expect(kinds(h, "pr.awaiting_approval_resolved")).toHaveLength(1);
    }));
});

describe("the merge", () => {
  it("is pinned to the reviewed head; one that moved between read and merge is looked at anew", () =>
    withSql((sql) => {
      const h = forgeHarness(sql);
      const moved = "d".repeat(40);
      h.forge.mergeAnswer = { kind: "head_moved", head: moved };
      h.on.merge_pull_request = after(h, 1);
      const bead = opened(h);
      expect(h.town.merge(bead)).toMatchObject({ state: "merged", reviewedSha: moved });
      expect(h.forge.merges.map(({ headSha }) => headSha === moved)).toEqual([false, true]);
    }));

  it("is asked for no more than five times where the forge says moved and shows no move", () =>
    withSql((sql) => {
      const h = forgeHarness(sql);
      h.forge.mergeAnswer = { kind: "head_moved", head: null };
      const bead = opened(h);
      expect(h.forge.merges).toHaveLength(1);
      expect(h.town.merge(bead)).toMatchObject({ state: "approved", waitingOn: { code: "cooldown" } });
      h.advance(60 * MINUTE);
      expect(h.forge.merges).toHaveLength(5);
      expect(h.town.merge(bead).state).toBe("failed");
    }));

  it("takes the method that is set, and detects it where it is not", () =>
    withSql((sql) => {
      const h = forgeHarness(sql, { merge_method: "squash" });
      opened(h);
      expect(h.forge.merges[0]?.method).toBe("squash");
      h.town.setRigConfig(
        h.rig,
        { merge_strategy: "pr", review: { code_review: false, auto_merge_delay_minutes: 0 } },
        PERSON,
      );
      h.forge.mergeAnswer = { kind: "method_not_allowed", allowed: ["rebase"] };
      const bead = h.town.sling(h.rig, { title: "two" }, { held: false }, PERSON).id;
      h.on.merge_pull_request = after(h, 1);
      h.settle();
      expect(h.forge.merges.map(({ method }) => method)).toEqual(["squash", "auto", "rebase"]);
      expect(h.town.merge(bead).state).toBe("merged");
    }));

  it("fails where the method that is set is not allowed", () =>
    withSql((sql) => {
      const h = forgeHarness(sql, { merge_method: "squash" });
      h.forge.mergeAnswer = { kind: "method_not_allowed", allowed: ["merge"] };
      const bead = opened(h);
      expect(h.town.merge(bead)).toMatchObject({ state: "failed", failure: { kind: "method_not_allowed" } });
    }));

  it("waits for a person where the repository wants its own queue, and sees it merged", () =>
    withSql((sql) => {
      const h = forgeHarness(sql);
      h.forge.mergeAnswer = { kind: "queue_required" };
      const bead = opened(h);
      h.advance(10 * MINUTE);
      expect(h.forge.merges).toHaveLength(1);
      expect(h.town.merge(bead)).toMatchObject({ state: "approved", waitingOn: { code: "manual" } });
      expect(opens(h)).toEqual(["merge_queue_required"]);
      merge(h, "Add x", { by: "queue" });
      h.advance(MINUTE);
      expect(h.town.bead(bead).reason).toBe("merged");
      expect(opens(h)).toEqual([]);
    }));

  it("gives up after five refusals of what the forge calls green", () =>
    withSql((sql) => {
      const h = forgeHarness(sql);
      h.forge.mergeAnswer = { kind: "not_mergeable", message: "signed commits are required" };
      const bead = opened(h);
      h.advance(60 * MINUTE);
      expect(h.forge.merges).toHaveLength(5);
      expect(h.town.merge(bead)).toMatchObject({ state: "failed" });
      expect(h.town.merge(bead).failure?.message).toContain("signed commits");
      expect(h.town.checkInvariants()).toEqual([]);
    }));

  it("stores a command that meets it, and applies it when it did not land", () =>
    withSql((sql) => {
      const h = forgeHarness(sql);
      h.on.merge_pull_request = () => "lost";
      const bead = opened(h);
      expect(h.town.merge(bead).state).toBe("landing");
      h.town.closeBead(bead, "cancelled", "", PERSON);
      expect(h.town.bead(bead).status).toBe("in_review");
      h.on.merge_pull_request = () => ({
        type: "forge",
        answer: { of: "merge", result: { kind: "not_mergeable", message: "no" } },
      });
      h.advance(2 * MINUTE);
      expect(h.town.bead(bead)).toMatchObject({ status: "closed", reason: "cancelled" });
      expect(h.town.checkInvariants()).toEqual([]);
    }));
});

describe("a branch that is behind", () => {
  it("is brought up to date by the town and keeps its verdict", () =>
    withSql((sql) => {
      const h = forgeHarness(sql, { code_review: true, gates: ["npm test"], auto_merge: false });
      const bead = opened(h);
      const before = h.town.merge(bead).headSha;
      h.forge.pull("Add x").pr.mergeable = "behind";
      h.advance(MINUTE);
      const after = h.town.merge(bead);
      expect(after.headSha).not.toBe(before);
      expect(after).toMatchObject({ state: "approved", reviewedSha: after.headSha });
      const roles = h.carriedOut.flatMap((one) => (one.kind === "start_session" ? [one.plan.role] : []));
      expect(roles).toEqual(["polecat", "refinery"]);
      expect(h.carriedOut.filter((one) => one.kind === "run_gates")).toHaveLength(2);
    }));

  const updates = (h: ForgeHarness): number =>
    h.carriedOut.filter((one) => one.kind === "update_branch").length;

  it("one pull request per target at a time, until that has landed", () =>
    withSql((sql) => {
      const h = forgeHarness(sql, { auto_merge_delay_minutes: 10 });
      const beads = [opened(h, "a"), opened(h, "b")];
      for (const { pr } of h.forge.pulls) pr.mergeable = "behind";
      h.advance(2 * MINUTE);
      expect(updates(h)).toBe(1);
      expect(h.town.merge(beads[1] ?? "")).toMatchObject({ waitingOn: { code: "landing_queue" } });
      h.advance(8 * MINUTE);
      expect(h.town.merge(beads[0] ?? "").state).toBe("approved");
      expect(updates(h)).toBe(1);
      h.advance(5 * MINUTE);
      expect(h.town.merge(beads[0] ?? "").state).toBe("merged");
      expect(updates(h)).toBe(2);
      h.advance(15 * MINUTE);
      expect(h.town.merge(beads[1] ?? "").state).toBe("merged");
      expect(h.town.checkInvariants()).toEqual([]);
    }));

  it("does not keep the others waiting when it waits for a person itself", () =>
    withSql((sql) => {
      const h = forgeHarness(sql, { auto_merge: false });
      opened(h, "a");
      opened(h, "b");
      for (const { pr } of h.forge.pulls) pr.mergeable = "behind";
      h.advance(3 * MINUTE);
      expect(updates(h)).toBe(2);
    }));

  it("is never brought up to date while something else is not green", () =>
    withSql((sql) => {
      const h = forgeHarness(sql, { auto_merge: false });
      opened(h);
      const pull = h.forge.pull("Add x");
      pull.pr.mergeable = "behind";
      checksOf(pull, [check("ci", "pending")]);
      h.advance(5 * MINUTE);
      expect(h.carriedOut.some((one) => one.kind === "update_branch")).toBe(false);
    }));
});

describe("a person", () => {
  it("who pushes makes it a new review", () =>
    withSql((sql) => {
      const h = forgeHarness(sql, { code_review: true, auto_merge: false });
      const bead = opened(h);
      const pushed = "e".repeat(40);
      h.forge.pull("Add x").pushed = pushed;
      h.on.update_branch = ({ body }) => ({
        type: "outcome",
        outcome: { outcome: "head_moved", head: body.check_head },
      });
      h.advance(MINUTE);
      expect(h.town.merge(bead)).toMatchObject({ state: "approved", headSha: pushed, reviewedSha: pushed });
      const reviews = h.carriedOut.filter(
        (one) => one.kind === "start_session" && one.plan.role === "refinery",
      );
      expect(reviews).toHaveLength(2);
    }));

  it("who only pressed the button that updates the branch keeps the verdict", () =>
    withSql((sql) => {
      const h = forgeHarness(sql, { code_review: true, auto_merge: false });
      const bead = opened(h);
      const pushed = "e".repeat(40);
      h.forge.pull("Add x").pushed = pushed;
      h.on.update_branch = ({ body }) => ({
        type: "outcome",
        outcome: { outcome: "branch_updated", head: body.check_head ?? "" },
      });
      h.advance(MINUTE);
      expect(h.town.merge(bead)).toMatchObject({ state: "approved", headSha: pushed, reviewedSha: pushed });
      const reviews = h.carriedOut.filter(
        (one) => one.kind === "start_session" && one.plan.role === "refinery",
      );
      expect(reviews).toHaveLength(1);
    }));

  it("who pushes while a review runs ends that review", () =>
    withSql((sql) => {
      const h = forgeHarness(sql, { code_review: true, auto_merge: false });
      h.auto.verdict = false;
      const bead = opened(h);
      const first = h.session(h.town.merge(bead).id);
      h.forge.pull("Add x").pushed = "e".repeat(40);
      h.advance(MINUTE);
      expect(h.town.session(first)).toMatchObject({ state: "ended", outcome: "stopped" });
      expect(h.town.merge(bead)).toMatchObject({ state: "reviewing", headSha: "e".repeat(40) });
    }));

  it("who merges it ends it; another head than the reviewed one is said so", () =>
    withSql((sql) => {
      const h = forgeHarness(sql, { auto_merge: false });
      const bead = opened(h);
      merge(h, "Add x", { by: "ann", head: "f".repeat(40) });
      h.advance(MINUTE);
      expect(h.town.bead(bead)).toMatchObject({ status: "closed", reason: "merged" });
      expect(h.town.merge(bead).pullRequest).toMatchObject({ mergedBy: "ann", mergedHead: "f".repeat(40) });
      expect(h.town.feed({ limit: 10, kind: "pr.merged" })[0]?.text).toMatch(
        /merged by ann at ffffffff, but/,
      );
      expect(h.town.checkInvariants()).toEqual([]);
    }));

  it("is believed to have merged it only when the target has the commit", () =>
    withSql((sql) => {
      const h = forgeHarness(sql, { auto_merge: false });
      const bead = opened(h);
      merge(h, "Add x", { by: "ann" });
      h.forge.pull("Add x").contained = false;
      h.advance(5 * MINUTE);
      expect(h.town.merge(bead)).toMatchObject({ state: "approved", waitingOn: { code: "unknown" } });
      h.forge.pull("Add x").contained = true;
      h.advance(MINUTE);
      expect(h.town.merge(bead).state).toBe("merged");
    }));

  it("who closes it is asked, and nothing is done again", () =>
    withSql((sql) => {
      const h = forgeHarness(sql, { auto_merge: false });
      const bead = opened(h);
      h.forge.pull("Add x").pr.state = "closed";
      h.advance(MINUTE);
      expect(h.town.merge(bead)).toMatchObject({ state: "failed", failure: { kind: "pr_closed" } });
      expect(h.town.bead(bead)).toMatchObject({ status: "open", held: true, reason: "pr_closed" });
      expect(opens(h)).toEqual(["pr_closed"]);
      h.advance(60 * MINUTE);
      expect(h.carriedOut.filter((one) => one.kind === "start_session")).toHaveLength(1);
    }));
});

function merge(h: ForgeHarness, title: string, how: { by: string; head?: string }): void {
  const { pr } = h.forge.pull(title);
  Object.assign(pr, {
    state: "merged",
    merged_by: how.by,
    merge_commit: "c".repeat(40),
    ...(how.head ? { head_sha: how.head } : {}),
  });
}

/** The merges of the forge, whose answers differ only for the first `n` more. */
function after(h: ForgeHarness, n: number): NonNullable<ForgeHarness["on"]["merge_pull_request"]> {
  const usual = h.on.merge_pull_request;
  let left = n;
  return (request, effect) => {
    if (left-- <= 0) h.forge.mergeAnswer = null;
    return usual?.(request, effect) ?? "lost";
  };
}
