/** From a request to a landed commit, without any forge (spec/review.md §1–3). */
import { withSql } from "#host";
import { describe, expect, it } from "vitest";
import { harness, outcome, PERSON } from "./harness.ts";

describe("one bead", () => {
  it("is dispatched, settled, reviewed, merged and closed", () =>
    withSql((sql) => {
      const h = harness(sql);
      const bead = h.town.sling(h.rig, { title: "Add x" }, { held: false }, PERSON);
      h.settle();
      expect(h.town.bead(bead.id)).toMatchObject({ status: "closed", reason: "merged" });
      expect(h.town.merge(bead.id)).toMatchObject({ state: "merged", strategy: "direct", target: "main" });
      expect(h.carriedOut.map((request) => request.kind)).toEqual([
        "setup_rig",
        "start_session",
        "settle_session",
        "stop_session",
        "start_session",
        "stop_session",
        "merge",
        "branch",
      ]);
      expect(h.town.checkInvariants()).toEqual([]);
    }));

  it("is not touched while it is held", () =>
    withSql((sql) => {
      const h = harness(sql);
      const bead = h.town.sling(h.rig, { title: "Later" }, { held: true }, PERSON);
      h.settle();
      expect(h.town.bead(bead.id)).toMatchObject({ status: "open", waitingOn: { code: "held" } });
      h.town.startBead(bead.id, PERSON);
      h.settle();
      expect(h.town.bead(bead.id).status).toBe("closed");
    }));

  it("asks the refinery for exactly the pushed head, detached", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.auto.verdict = false;
      const bead = h.town.sling(h.rig, { title: "Add x" }, { held: false }, PERSON);
      h.settle();
      const merge = h.town.merge(bead.id);
      const review = h.carriedOut.findLast((request) => request.kind === "start_session");
      expect(review).toMatchObject({ plan: { role: "refinery", branch: null, start_point: merge.headSha } });
      expect(h.town.bead(bead.id)).toMatchObject({ status: "in_review", waitingOn: { code: "verdict" } });
    }));

  it("closes without a merge when nothing had to change", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.auto.done = false;
      const bead = h.town.sling(h.rig, { title: "Maybe" }, { held: false }, PERSON);
      h.settle();
      h.town.requestDone(h.session(bead.id), { summary: "it was there already", no_changes: true });
      h.settle();
      expect(h.town.bead(bead.id)).toMatchObject({ status: "closed", reason: "no_changes" });
      expect(h.town.merges({})).toEqual([]);
    }));
});

describe("gates and review", () => {
  it("sends red gates back as rework without spending a review", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.town.setRigConfig(h.rig, { review: { gates: ["npm test"] } }, PERSON);
      let runs = 0;
      h.on.run_gates = () =>
        outcome({
          outcome: "gates_done",
          gates: [
            {
              name: "npm test",
              exit_code: runs++ === 0 ? 1 : 0,
              duration_ms: 5,
              required: true,
              log_tail: "boom",
            },
          ],
        });
      const bead = h.town.sling(h.rig, { title: "Add x" }, { held: false }, PERSON);
      h.settle();
      expect(h.town.bead(bead.id)).toMatchObject({ status: "closed", reason: "merged" });
      const starts = h.carriedOut.filter((request) => request.kind === "start_session");
      expect(starts.map((request) => request.plan.role)).toEqual(["polecat", "polecat", "refinery"]);
      expect(starts[1]?.plan.prime.work_order).toMatchObject({ kind: "rework" });
      expect(starts[1]?.plan.prime.work_order?.text).toContain("boom");
    }));

  it("works requested changes on the same branch and reviews the new head", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.auto.verdict = false;
      const bead = h.town.sling(h.rig, { title: "Add x" }, { held: false }, PERSON);
      h.settle();
      const before = h.town.merge(bead.id);
      const verdict = h.town.giveVerdict(h.session(before.id), {
        kind: "request_changes",
        feedback: "rename it",
        files: [],
      });
      expect(verdict.reworkBeadId).not.toBeNull();
      h.settle();
      const after = h.town.merge(bead.id);
      expect(after.headSha).not.toBe(before.headSha);
      expect(after).toMatchObject({
        state: "reviewing",
        branch: before.branch,
        counters: { changeRounds: 1 },
      });
      expect(h.town.bead(verdict.reworkBeadId ?? "")).toMatchObject({
        status: "closed",
        reason: "pushed",
        kind: "rework",
      });
      h.town.giveVerdict(h.session(before.id), { kind: "approve", summary: "ok" });
      h.settle();
      expect(h.town.bead(bead.id).reason).toBe("merged");
    }));

  it.each(["done_elsewhere", "waived", "cancelled"] as const)(
    "asks a person when its rework is closed as %s",
    (reason) =>
      withSql((sql) => {
        const h = harness(sql);
        h.auto.verdict = false;
        const bead = h.town.sling(h.rig, { title: "Add x" }, { held: false }, PERSON);
        h.settle();
        const merge = h.town.merge(bead.id);
        h.auto.done = false;
        const { reworkBeadId } = h.town.giveVerdict(h.session(merge.id), {
          kind: "request_changes",
          feedback: "rename it",
          files: [],
        });
        h.settle();
        h.town.closeBead(reworkBeadId ?? "", reason, "", PERSON);
        h.settle();
        expect(h.town.merge(bead.id)).toMatchObject({
          state: "changes_requested",
          waitingOn: { code: "question" },
        });
        const [question] = h.town.escalations({ open: true });
        h.town.resolveEscalation(question?.id ?? "", { choice: "approve" }, PERSON);
        h.settle();
        expect(h.town.bead(bead.id).reason).toBe("merged");
      }),
  );

  it("takes a refinery that ends without a verdict never for an approval", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.auto.verdict = false;
      const bead = h.town.sling(h.rig, { title: "Add x" }, { held: false }, PERSON);
      for (let attempt = 0; attempt < 3; attempt++) {
        h.advance(6 * 60_000);
        const session = h.town.session(h.session(h.town.merge(bead.id).id));
        h.town.post({
          type: "session_ended",
          sessionId: session.id,
          ended: {
            epoch: session.epoch,
            outcome: "completed",
            reason: { code: "turn_over", message: "done" },
            work_ref: null,
            usage: { tokens_in: 0, tokens_out: 0, usd: 0, usd_known: false },
          },
        });
        h.settle();
      }
      expect(h.town.merge(bead.id)).toMatchObject({ state: "failed", failure: { kind: "no_verdict" } });
      expect(h.town.bead(bead.id)).toMatchObject({ status: "open", held: true, reason: "no_verdict" });
      expect(h.carriedOut.some((request) => request.kind === "merge")).toBe(false);
      expect(h.town.escalations({ open: true })[0]).toMatchObject({
        category: "no_verdict",
        severity: "high",
      });
    }));

  it("asks a person what a refinery meant that was done only after it had lost its bead", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.auto.verdict = false;
      const bead = h.town.sling(h.rig, { title: "Add x" }, { held: false }, PERSON);
      h.settle();
      const merge = h.town.merge(bead.id);
      const session = h.session(merge.id);
      h.town.stopSession(session, "now", "", PERSON);
      h.settle();
      expect(h.town.session(session).state).toBe("ended");
      expect(h.town.requestDone(session, { summary: "looks good" })).toMatchObject({ type: "recorded" });
      h.settle();
      const [question] = h.town.escalations({ open: true });
      expect(question).toMatchObject({ category: "refinery_unhooked_done", severity: "high" });
      expect(h.town.merge(bead.id)).toMatchObject({ state: "reviewing", reviewedSha: null });
      h.town.resolveEscalation(question?.id ?? "", { choice: "approve" }, PERSON);
      h.settle();
      expect(h.town.bead(bead.id).reason).toBe("merged");
      expect(h.town.sessions({ live: true })).toEqual([]);
      expect(h.town.checkInvariants()).toEqual([]);
    }));

  it("lands what a person approves after three reviews without a verdict, through the queue", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.auto.verdict = false;
      const bead = h.town.sling(h.rig, { title: "Add x" }, { held: false }, PERSON);
      for (let attempt = 0; attempt < 3; attempt++) {
        h.advance(6 * 60_000);
        const { id, epoch } = h.town.session(h.session(h.town.merge(bead.id).id));
        const reason = { code: "turn_over", message: "done" };
        const usage = { tokens_in: 0, tokens_out: 0, usd: 0, usd_known: false };
        h.town.post({
          type: "session_ended",
          sessionId: id,
          ended: { epoch, outcome: "completed", reason, work_ref: null, usage },
        });
        h.settle();
      }
      const [question] = h.town.escalations({ open: true });
      h.town.resolveEscalation(question?.id ?? "", { choice: "approve" }, PERSON);
      h.settle();
      expect(h.town.bead(bead.id)).toMatchObject({ status: "closed", reason: "merged" });
      expect(h.town.checkInvariants()).toEqual([]);
    }));

  it("asks a person after the last round of changes", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.town.setRigConfig(h.rig, { review: { max_change_rounds: 1 } }, PERSON);
      h.auto.verdict = false;
      const bead = h.town.sling(h.rig, { title: "Add x" }, { held: false }, PERSON);
      h.settle();
      const merge = h.town.merge(bead.id);
      h.town.giveVerdict(h.session(merge.id), { kind: "request_changes", feedback: "no", files: [] });
      h.settle();
      h.town.giveVerdict(h.session(merge.id), { kind: "request_changes", feedback: "still no", files: [] });
      h.settle();
      expect(h.town.merge(bead.id)).toMatchObject({
        state: "changes_requested",
        waitingOn: { code: "question" },
      });
      const [question] = h.town.escalations({ open: true });
      expect(question).toMatchObject({ category: "rounds_exhausted" });
      h.town.resolveEscalation(question?.id ?? "", { choice: "approve" }, PERSON);
      h.settle();
      expect(h.town.bead(bead.id).reason).toBe("merged");
      expect(h.town.checkInvariants()).toEqual([]);
    }));
});

describe("landing", () => {
  it("makes a conflict bead, and lands when that is resolved", () =>
    withSql((sql) => {
      const h = harness(sql);
      let merges = 0;
      h.on.merge = () =>
        merges++ === 0
          ? outcome({ outcome: "conflict", files: ["a.txt"] })
          : outcome({ outcome: "merged", commit: h.sha(), already: false });
      const bead = h.town.sling(h.rig, { title: "Add x" }, { held: false }, PERSON);
      h.settle();
      expect(h.town.bead(bead.id).reason).toBe("merged");
      expect(h.bead("Resolve the conflict of Add x")).toMatchObject({
        kind: "conflict",
        status: "closed",
        reason: "pushed",
      });
    }));

  it("waits with one escalation when the target itself is red", () =>
    withSql((sql) => {
      const h = harness(sql);
      const red = [{ name: "t", exit_code: 1, duration_ms: 1, required: true, log_tail: "" }];
      h.on.merge = () => outcome({ outcome: "gates_failed", gates: red, target_red: true });
      const bead = h.town.sling(h.rig, { title: "Add x" }, { held: false }, PERSON);
      h.advance(20 * 60_000);
      expect(h.town.merge(bead.id).state).toBe("approved");
      expect(h.town.escalations({ open: true }).map((e) => e.category)).toEqual(["target_red"]);
      delete h.on.merge;
      h.advance(16 * 60_000);
      expect(h.town.bead(bead.id).reason).toBe("merged");
    }));

  it("holds finished work when the remote refuses it, and lands it on retry", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.on.merge = () => outcome({ outcome: "rejected", reason: "protected branch" });
      const bead = h.town.sling(h.rig, { title: "Add x" }, { held: false }, PERSON);
      h.settle();
      expect(h.town.bead(bead.id)).toMatchObject({ status: "open", held: true, waitingOn: { code: "held" } });
      delete h.on.merge;
      h.town.retryBead(bead.id, { fresh: false, note: "" }, PERSON);
      h.settle();
      expect(h.town.bead(bead.id).reason).toBe("merged");
      expect(
        h.carriedOut.filter((r) => r.kind === "start_session" && r.plan.role === "polecat"),
      ).toHaveLength(1);
    }));

  it("lands one at a time per target", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.on.merge = () => ({ type: "accepted" });
      h.town.setRigConfig(h.rig, { review: { code_review: false } }, PERSON);
      for (const title of ["a", "b", "c"]) h.town.sling(h.rig, { title }, { held: false }, PERSON);
      h.settle();
      expect(
        h.town
          .merges({})
          .map((merge) => merge.state)
          .toSorted(),
      ).toEqual(["approved", "approved", "landing"]);
    }));

  it("stores a close that meets a merge in flight, and applies it only when that did not land", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.on.merge = () => ({ type: "accepted" });
      const landed = h.town.sling(h.rig, { title: "lands" }, { held: false }, PERSON);
      h.settle();
      h.town.closeBead(landed.id, "cancelled", "", PERSON);
      h.settle();
      expect(h.town.bead(landed.id).status).toBe("in_review");
      const effect = h.carriedOut.find((request) => request.kind === "withdraw_merge");
      const effectId = effect?.kind === "withdraw_merge" ? effect.effectId : "";
      h.town.post({
        type: "effect_settled",
        effectId,
        runnerEpoch: h.town.runnerEpoch(),
        attempt: 1,
        outcome: { outcome: "withdrawn" },
      });
      h.settle();
      expect(h.town.bead(landed.id)).toMatchObject({ status: "closed", reason: "cancelled" });
    }));
});
