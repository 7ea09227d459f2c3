/** Feedback, conflicts and red checks become fix beads, one at a time (spec/review.md §1, §2, §4.3). */
import { withSql } from "#host";
import { describe, expect, it } from "vitest";
import { PERSON } from "./harness.ts";
import { check, checksOf, forgeHarness, thread, threadsOf, type ForgeHarness } from "./memory-forge.ts";

const MINUTE = 60_000;

/** Given an approved pull request that a person merges by hand, while the town repairs it. */
function approved(sql: Parameters<typeof forgeHarness>[0], review: Record<string, unknown> = {}) {
  const h = forgeHarness(sql, { auto_merge: false, auto_resolve_feedback: true, ...review });
  const bead = h.town.sling(h.rig, { title: "Add x" }, { held: false }, PERSON).id;
  h.settle();
  return { h, bead, pull: h.forge.pull("Add x") };
}
const fixes = (h: ForgeHarness) =>
  h.town
    .beads(
      { status: ["open", "in_progress", "closed", "failed"], kind: ["feedback", "conflict", "rework"] },
      { limit: 50 },
    )
    .items.toReversed();
const orders = (h: ForgeHarness) =>
  h.carriedOut.flatMap((one) =>
    one.kind === "start_session" && one.plan.prime.work_order !== null ? [one.plan.prime.work_order] : [],
  );
const opens = (h: ForgeHarness): string[] => h.town.escalations({ open: true }).map((one) => one.category);

describe("feedback", () => {
  it("is one bead with file, line and text of every thread and the logs of red checks", () =>
    withSql((sql) => {
      const { h, bead, pull } = approved(sql);
      threadsOf(pull, [thread("t1", "rename it"), thread("t2", "why?", { path: null, line: null })]);
      checksOf(pull, [check("ci", "failure"), check("lint", "success")]);
      h.forge.logs = [{ name: "ci", text: "AssertionError: 1 !== 2" }];
      const before = h.town.merge(bead).headSha;
      h.auto.done = false;
      h.advance(MINUTE);
      expect(h.town.merge(bead)).toMatchObject({
        state: "changes_requested",
        waitingOn: { code: "rework" },
        counters: { feedbackRounds: 1, changeRounds: 0 },
      });
      const [order] = orders(h);
      expect(order?.kind).toBe("feedback");
      expect(order?.files).toEqual([{ path: "src/a.ts", line: 3, note: "rename it" }]);
      for (const part of ["t1 on src/a.ts:3", "ann: rename it", "t2 on the whole change", "AssertionError"])
        expect(order?.text).toContain(part);
      expect(order?.text).not.toContain("lint");
      h.advance(10 * MINUTE);
      expect(fixes(h)).toHaveLength(1);

      threadsOf(pull, []);
      checksOf(pull, [check("ci", "success")]);
      h.auto.done = true;
      h.settle();
      h.advance(MINUTE);
      const after = h.town.merge(bead);
      expect(after.headSha).not.toBe(before);
      expect(after).toMatchObject({ state: "approved", reviewedSha: after.headSha });
      expect(fixes(h)[0]).toMatchObject({ status: "closed", reason: "pushed" });
      expect(h.town.checkInvariants()).toEqual([]);
    }));

  it("does not take an older head, that a forge still shows after the push, for a move", () =>
    withSql((sql) => {
      const { h, bead, pull } = approved(sql);
      const before = h.town.merge(bead).headSha;
      threadsOf(pull, [thread("t1", "rename it")]);
      h.advance(MINUTE);
      threadsOf(pull, []);
      pull.pushed = before;
      const after = h.town.merge(bead).headSha;
      expect(after).not.toBe(before);
      h.advance(2 * MINUTE - 1);
      expect(h.town.merge(bead).headSha).toBe(after);
      // It goes on showing it: somebody took the push back.
      h.on.update_branch = ({ body }) => ({
        type: "outcome",
        outcome: { outcome: "head_moved", head: body.check_head },
      });
      h.advance(MINUTE);
      expect(h.town.merge(bead)).toMatchObject({ headSha: before, state: "approved" });
    }));

  it("has what those who ask for changes of this head say, with the threads and also without any", () =>
    withSql((sql) => {
      const { h, bead, pull } = approved(sql);
      const requests = [{ author: "ann", body: "Split it in two." }];
      pull.signals.approval = { state: "known", decision: "changes_requested", requests };
      h.auto.done = false;
      h.advance(MINUTE);
      expect(orders(h)[0]).toMatchObject({
        kind: "feedback",
        text: expect.stringContaining("### ann\nSplit it in two."),
      });
      pull.signals.approval = { state: "known", decision: "changes_requested" };
      h.auto.done = true;
      h.settle();
      h.advance(5 * MINUTE);
      // Pushed: it was said of the head before, and now its reviewer is waited for.
      expect(fixes(h)).toHaveLength(1);
      expect(h.town.merge(bead)).toMatchObject({ state: "approved", waitingOn: { code: "approval" } });
      pull.signals.approval = { state: "known", decision: "changes_requested", requests };
      threadsOf(pull, [thread("t1", "rename it")]);
      h.advance(MINUTE);
      expect(orders(h)[1]?.text).toMatch(/Split it in two\.[^]*t1 on src\/a\.ts:3/);
    }));

  it("is a question where a request for changes is still there after a fix without any", () =>
    withSql((sql) => {
      const { h, bead, pull } = approved(sql);
      const requests = [{ author: "ann", body: "Split it in two." }];
      pull.signals.approval = { state: "known", decision: "changes_requested", requests };
      h.auto.done = false;
      h.advance(MINUTE);
      h.town.requestDone(h.session(fixes(h)[0]?.id ?? ""), { summary: "no", no_changes: true });
      h.settle();
      expect(h.town.merge(bead)).toMatchObject({ waitingOn: { code: "question" } });
      expect(opens(h)).toEqual(["fix_without_change"]);
    }));

  it("waits here where it is not resolved by agents", () =>
    withSql((sql) => {
      const { h, bead, pull } = approved(sql, { auto_resolve_feedback: false });
      threadsOf(pull, [thread("t1", "no")]);
      h.advance(5 * MINUTE);
      expect(h.town.merge(bead)).toMatchObject({ state: "approved", waitingOn: { code: "threads" } });
      expect(fixes(h)).toEqual([]);
    }));

  it("that needed no new head goes on with its verdict when it is gone", () =>
    withSql((sql) => {
      const { h, bead, pull } = approved(sql);
      threadsOf(pull, [thread("t1", "why?")]);
      h.auto.done = false;
      h.advance(MINUTE);
      const head = h.town.merge(bead).headSha;
      threadsOf(pull, []);
      h.town.requestDone(h.session(fixes(h)[0]?.id ?? ""), { summary: "answered", no_changes: true });
      h.settle();
      expect(h.town.merge(bead)).toMatchObject({
        state: "approved",
        headSha: head,
        waitingOn: { code: "manual" },
      });
      expect(fixes(h)[0]).toMatchObject({ status: "closed", reason: "no_changes" });
      // And the next feedback is work again, not a question.
      threadsOf(pull, [thread("t2", "and this")]);
      h.advance(MINUTE);
      expect(fixes(h)).toHaveLength(2);
    }));

  it("that is still there after a fix that changed nothing is a question", () =>
    withSql((sql) => {
      const { h, bead, pull } = approved(sql);
      threadsOf(pull, [thread("t1", "why?")]);
      h.auto.done = false;
      h.advance(MINUTE);
      h.town.requestDone(h.session(fixes(h)[0]?.id ?? ""), { summary: "done", no_changes: true });
      h.settle();
      expect(h.town.merge(bead)).toMatchObject({
        state: "changes_requested",
        waitingOn: { code: "question" },
      });
      expect(opens(h)).toEqual(["fix_without_change"]);
      expect(h.town.checkInvariants()).toEqual([]);
    }));

  it("asks a person after the last round", () =>
    withSql((sql) => {
      const { h, bead, pull } = approved(sql, { max_feedback_rounds: 2 });
      threadsOf(pull, [thread("t1", "again")]);
      h.advance(10 * MINUTE);
      expect(fixes(h)).toHaveLength(2);
      expect(h.town.merge(bead)).toMatchObject({
        state: "changes_requested",
        waitingOn: { code: "question" },
      });
      expect(opens(h)).toEqual(["rounds_exhausted"]);
      expect(h.town.escalations({ open: true })[0]?.body).toMatch(/1\. at .*\n\n2\. at/s);
    }));

  it("is moot when a person pushed before its session began", () =>
    withSql((sql) => {
      const { h, bead, pull } = approved(sql);
      h.town.setRigConfig(
        h.rig,
        {
          merge_strategy: "pr",
          limits: { max_polecats_per_rig: 1 },
          review: { code_review: false, auto_merge: false, auto_resolve_feedback: true },
        },
        PERSON,
      );
      h.auto.done = false;
      h.town.sling(h.rig, { title: "busy" }, { held: false }, PERSON);
      h.settle();
      threadsOf(pull, [thread("t1", "no")]);
      h.advance(MINUTE);
      expect(fixes(h)[0]).toMatchObject({ status: "open" });
      pull.pushed = "e".repeat(40);
      threadsOf(pull, []);
      h.advance(MINUTE);
      expect(fixes(h)[0]).toMatchObject({ status: "closed", reason: "moot" });
      expect(h.town.merge(bead)).toMatchObject({ state: "approved", headSha: "e".repeat(40) });
    }));

  it("keeps its session when somebody pushes while it works: its own settle tells", () =>
    withSql((sql) => {
      const { h, bead, pull } = approved(sql);
      threadsOf(pull, [thread("t1", "no")]);
      h.auto.done = false;
      h.advance(MINUTE);
      const head = h.town.merge(bead).headSha;
      pull.pushed = "e".repeat(40);
      h.advance(5 * MINUTE);
      expect(h.town.merge(bead)).toMatchObject({ state: "changes_requested", headSha: head });
      expect(h.session(fixes(h)[0]?.id ?? "")).toBeTruthy();
    }));

  it("ends as moot with its session when the pull request is merged", () =>
    withSql((sql) => {
      const { h, bead, pull } = approved(sql);
      threadsOf(pull, [thread("t1", "no")]);
      h.auto.done = false;
      h.advance(MINUTE);
      const session = h.session(fixes(h)[0]?.id ?? "");
      Object.assign(pull.pr, { state: "merged", merge_commit: "c".repeat(40), merged_by: "ann" });
      h.advance(MINUTE);
      expect(h.town.bead(bead).reason).toBe("merged");
      expect(fixes(h)[0]).toMatchObject({ status: "closed", reason: "moot" });
      expect(h.town.session(session).state).toBe("ended");
      expect(h.town.checkInvariants()).toEqual([]);
    }));

  it("that fails is a question", () =>
    withSql((sql) => {
      const { h, bead, pull } = approved(sql);
      threadsOf(pull, [thread("t1", "no")]);
      h.auto.done = false;
      h.advance(MINUTE);
      h.town.failBead(fixes(h)[0]?.id ?? "", "cannot", PERSON);
      h.settle();
      expect(h.town.merge(bead)).toMatchObject({
        state: "changes_requested",
        waitingOn: { code: "question" },
      });
      expect(opens(h)).toEqual(["fix_failed"]);
    }));
});

describe("a conflict", () => {
  it("is one bead per episode, and may come again", () =>
    withSql((sql) => {
      const { h, bead, pull } = approved(sql);
      pull.pr.mergeable = "dirty";
      h.auto.done = false;
      h.advance(5 * MINUTE);
      expect(fixes(h)).toHaveLength(1);
      expect(fixes(h)[0]).toMatchObject({ kind: "conflict" });
      expect(h.town.merge(bead)).toMatchObject({
        state: "changes_requested",
        waitingOn: { code: "conflict" },
      });
      expect(orders(h)[0]?.text).toMatch(/^Merge the current main into/);
      pull.pr.mergeable = "clean";
      h.auto.done = true;
      h.settle();
      h.advance(MINUTE);
      expect(h.town.merge(bead).state).toBe("approved");
      h.auto.done = false;
      pull.pr.mergeable = "dirty";
      h.advance(MINUTE);
      expect(fixes(h)).toHaveLength(2);
    }));

  it("that no fix bead gets rid of is a question after five", () =>
    withSql((sql) => {
      const { h, bead, pull } = approved(sql);
      pull.pr.mergeable = "dirty";
      h.advance(10 * MINUTE);
      expect(fixes(h)).toHaveLength(5);
      expect(h.town.merge(bead)).toMatchObject({
        state: "changes_requested",
        waitingOn: { code: "question" },
      });
      expect(opens(h)).toEqual(["rounds_exhausted"]);
    }));

  it("takes feedback with it that is there already, and what comes before it begins", () =>
    withSql((sql) => {
      const { h, pull } = approved(sql);
      h.town.setRigConfig(
        h.rig,
        {
          merge_strategy: "pr",
          limits: { max_polecats_per_rig: 1 },
          review: { code_review: false, auto_merge: false, auto_resolve_feedback: true },
        },
        PERSON,
      );
      h.auto.done = false;
      const busy = h.town.sling(h.rig, { title: "busy" }, { held: false }, PERSON).id;
      h.settle();
      pull.pr.mergeable = "dirty";
      threadsOf(pull, [thread("t1", "rename it")]);
      h.advance(MINUTE);
      threadsOf(pull, [thread("t1", "rename it"), thread("t2", "and document it")]);
      h.advance(MINUTE);
      h.town.closeBead(busy, "cancelled", "", PERSON);
      h.settle();
      expect(fixes(h)).toHaveLength(1);
      const text = orders(h)[0]?.text ?? "";
      expect(text.match(/rename it/g)).toHaveLength(1);
      expect(text).toContain("and document it");
    }));

  it("waits here where it is not resolved by agents", () =>
    withSql((sql) => {
      const { h, bead, pull } = approved(sql, { auto_resolve_conflicts: false });
      pull.pr.mergeable = "dirty";
      h.advance(5 * MINUTE);
      expect(h.town.merge(bead)).toMatchObject({ state: "approved", waitingOn: { code: "conflict" } });
    }));
});

describe("comments mode", () => {
  const reviewed = (sql: Parameters<typeof forgeHarness>[0]) => {
    const h = forgeHarness(sql, { code_review: true, mode: "comments", auto_merge: false });
    h.auto.verdict = false;
    const bead = h.town.sling(h.rig, { title: "Add x" }, { held: false }, PERSON).id;
    h.settle();
    return { h, bead, review: h.session(h.town.merge(bead).id) };
  };
  const asks = {
    kind: "request_changes",
    feedback: "Two things.",
    files: [{ path: "src/a.ts", line: 3, note: "rename it" }],
  } as const;

  it("posts the review once, and its threads are the work order", () =>
    withSql((sql) => {
      const { h, bead, review } = reviewed(sql);
      const pull = h.forge.pull("Add x");
      threadsOf(pull, [thread("t1", "rename it")]);
      h.auto.done = false;
      expect(h.town.giveVerdict(review, { ...asks, files: [...asks.files] })).toMatchObject({
        repeated: false,
      });
      expect(h.town.giveVerdict(review, { ...asks, files: [...asks.files] })).toMatchObject({
        repeated: true,
      });
      h.settle();
      expect(h.forge.reviews).toEqual([
        { body: "Two things.", comments: [{ path: "src/a.ts", line: 3, body: "rename it" }] },
      ]);
      expect(h.town.merge(bead)).toMatchObject({ state: "changes_requested", counters: { changeRounds: 1 } });
      expect(fixes(h)[0]).toMatchObject({ kind: "feedback" });
      expect(orders(h)[0]?.text).toMatch(/Two things\.[\s\S]*t1 on src\/a\.ts:3/);
    }));

  it("works from the verdict where it could not be posted", () =>
    withSql((sql) => {
      const { h, review } = reviewed(sql);
      h.on.post_review = () => ({ type: "forge", answer: { of: "review", problem: "http_error" } });
      h.auto.done = false;
      h.town.giveVerdict(review, { ...asks, files: [...asks.files] });
      h.settle();
      expect(fixes(h)[0]).toMatchObject({ kind: "rework" });
      expect(orders(h)[0]).toMatchObject({ text: "Two things.", files: [{ path: "src/a.ts", line: 3 }] });
    }));

  it("waits for the pull request before the review begins", () =>
    withSql((sql) => {
      const h = forgeHarness(sql, { code_review: true, mode: "comments" });
      h.on.open_pull_request = () => ({ type: "retry", message: "503", counted: true });
      const bead = h.town.sling(h.rig, { title: "Add x" }, { held: false }, PERSON).id;
      h.settle();
      expect(h.town.merge(bead)).toMatchObject({ state: "queued", waitingOn: { code: "unknown" } });
    }));
});
