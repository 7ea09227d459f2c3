/**
 * A bead that says with which agent and model it is worked on (spec/api.md §3.5). The failures: one that is
 * forgotten with the next attempt or in the rework, one that takes a whole rig down with it, and one that
 * nobody offers and nobody hears of.
 */
import { withSql } from "#host";
import type { FailureReason, SlingBody } from "@gastown/protocol";
import { describe, expect, it } from "vitest";
import { harness, PERSON, type Harness } from "./harness.ts";

const MINUTE = 60_000;

function slung(h: Harness, body: Omit<SlingBody, "title"> = {}, title = "a"): string {
  h.auto.done = false;
  const { id } = h.town.sling(h.rig, { title, ...body }, { held: false }, PERSON);
  h.settle();
  return id;
}

/** What its live session was started with. */
function launched(h: Harness, bead: string): { runtime: string; model: string | null } {
  const { runtime, model } = h.town.session(h.session(bead));
  return { runtime, model };
}

describe("a bead with a model of its own", () => {
  it("begins with it, whatever the settings say, and keeps it when those change", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.town.setConfig({ default_model: "acme/one" }, PERSON);
      const own = slung(h, { model: "acme/nine" });
      const usual = slung(h, {}, "b");
      expect([launched(h, own).model, launched(h, usual).model]).toEqual(["acme/nine", "acme/one"]);
      h.town.setConfig({ default_model: "acme/two" }, PERSON);
      h.settle();
      expect([launched(h, own).model, launched(h, usual).model]).toEqual(["acme/nine", "acme/two"]);
      expect(h.town.bead(own)).toMatchObject({ model: "acme/nine", runtime: null });
    }));

  it("has it in its next attempt, and in the rework of what it made; its review goes by the settings", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.town.setConfig({ default_model: "acme/one" }, PERSON);
      const bead = slung(h, { model: "acme/nine" });
      h.town.stopSession(h.session(bead), "now", "", PERSON);
      h.settle();
      expect(launched(h, bead).model).toBe("acme/nine");
      h.auto.verdict = false;
      h.auto.done = true;
      h.advance(1_000);
      h.auto.done = false;
      const [review] = h.town.sessions({ live: true });
      expect(review).toMatchObject({ role: "refinery", model: "acme/one" });
      h.town.giveVerdict(review?.id ?? "", { kind: "request_changes", feedback: "no", files: [] });
      h.settle();
      const [fix] = h.town.beads({ kind: ["rework"] }, {}).items;
      expect(launched(h, fix?.id ?? "").model).toBe("acme/nine");
    }));

  it("takes another one, or the usual one again, with its next session", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.town.setConfig({ default_model: "acme/one" }, PERSON);
      const bead = slung(h, { model: "acme/nine" });
      const again = (): string | null => {
        h.town.stopSession(h.session(bead), "now", "", PERSON);
        h.settle();
        return launched(h, bead).model;
      };
      h.town.updateBead(bead, { model: "acme/eight" }, PERSON);
      h.settle();
      expect(launched(h, bead).model, "who works on it goes on as it began").toBe("acme/nine");
      expect(again()).toBe("acme/eight");
      h.town.updateBead(bead, { model: null }, PERSON);
      expect(again()).toBe("acme/one");
    }));

  it("may be a task of a convoy", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.auto.done = false;
      const tasks = [{ title: "a", model: "acme/nine" }, { title: "b" }];
      h.town.slingConvoy({ title: "c", rigId: h.rig, tasks, parallel: true, staged: false }, PERSON);
      h.settle();
      expect(["a", "b"].map((title) => launched(h, h.bead(title).id).model)).toEqual(["acme/nine", null]);
    }));

  const missing: FailureReason = {
    code: "model_unavailable",
    message: '"kilo" does not offer the model acme/nine',
    action: "Choose another model.",
  };

  it("that nobody offers is asked about as its own, and begins as soon as another is chosen", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.on.start_session = ({ plan }) =>
        plan.model === "acme/nine" ? { type: "refused", reason: missing } : { type: "done" };
      const bead = slung(h, { model: "acme/nine" });
      const usual = slung(h, {}, "b");
      expect(h.town.escalations({ open: true })).toMatchObject([
        { category: "bead_model_unavailable", body: expect.stringContaining("gastown bead edit") },
      ]);
      expect(h.town.needsYou({}).items).toMatchObject([
        { holdsUp: 1, primary: { operation: "beads.update", args: { beadId: bead } } },
      ]);
      expect(h.town.bead(usual).status).toBe("in_progress");
      h.town.updateBead(bead, { model: "acme/one" }, PERSON);
      h.settle();
      expect(h.town.bead(bead)).toMatchObject({ status: "in_progress", startFailures: 0 });
      expect(h.town.escalations({ open: true })).toEqual([]);
      expect(h.town.checkInvariants()).toEqual([]);
    }));

  it("is asked about no longer when it is closed", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.on.start_session = () => ({ type: "refused", reason: missing });
      const bead = slung(h, { model: "acme/nine" });
      h.town.closeBead(bead, "cancelled", "", PERSON);
      h.settle();
      expect(h.town.escalations({ open: true })).toEqual([]);
    }));
});

describe("a bead with a runtime of its own", () => {
  it("has no model of another one's", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.town.setConfig({ default_model: "acme/one" }, PERSON);
      const bead = slung(h, { runtime: "other" });
      expect(launched(h, bead)).toEqual({ runtime: "other", model: null });
      h.town.setConfig({ default_model: "acme/two" }, PERSON);
      h.settle();
      expect(launched(h, bead)).toEqual({ runtime: "other", model: null });
    }));

  it("that is not there fails alone: its rig goes on", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.on.start_session = ({ plan }) =>
        plan.runtime === "other"
          ? { type: "refused", reason: { code: "runtime_missing", message: "there is no other" } }
          : { type: "done" };
      const bead = slung(h, { runtime: "other" });
      const usual = slung(h, {}, "b");
      expect(h.town.rigs().map(({ state }) => state)).toEqual(["ready"]);
      expect(h.town.bead(usual).status).toBe("in_progress");
      expect(h.town.bead(bead)).toMatchObject({ status: "open", startFailures: 1 });
      h.advance(30 * MINUTE);
      expect(h.town.bead(bead)).toMatchObject({ status: "failed", reason: "attempts_exhausted" });
      expect(h.town.escalations({ open: true })).toMatchObject([{ category: "bead_failed" }]);
    }));

  it("that is missing for every bead of the rig counts on the rig, as ever", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.on.start_session = () => ({
        type: "refused",
        reason: { code: "runtime_missing", message: "there is none" },
      });
      const bead = slung(h, { runtime: h.town.config().effective.role_runtimes.polecat });
      expect(h.town.rigs().map(({ state }) => state)).toEqual(["broken"]);
      expect(h.town.bead(bead)).toMatchObject({ status: "open", startFailures: 0 });
    }));
});
