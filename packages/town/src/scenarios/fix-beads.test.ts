/** A fix bead that is tried again, and one that nobody waits for (spec/review.md §1, §2). */
import { withSql } from "#host";
import { describe, expect, it } from "vitest";
import { harness, PERSON, type Harness } from "./harness.ts";

/** Given a merge request whose rework failed, so that a person is asked. */
function brokenRework(sql: Parameters<typeof harness>[0]) {
  const h = harness(sql);
  h.auto.verdict = false;
  const bead = h.town.sling(h.rig, { title: "Add x" }, { held: false }, PERSON).id;
  h.settle();
  h.auto.done = false;
  const merge = h.town.merge(bead);
  const fix = askForChanges(h, merge.id);
  h.town.failBead(fix, "cannot", PERSON);
  h.settle();
  expect(h.town.merge(bead)).toMatchObject({ state: "changes_requested", waitingOn: { code: "question" } });
  return { h, bead, fix, merge };
}
function askForChanges(h: Harness, mergeId: string): string {
  const verdict = { kind: "request_changes", feedback: "rename it", files: [] } as const;
  const { reworkBeadId } = h.town.giveVerdict(h.session(mergeId), { ...verdict, files: [] });
  h.settle();
  return reworkBeadId ?? "";
}
const opens = (h: Harness): string[] => h.town.escalations({ open: true }).map((one) => one.category);

describe("a broken fix bead", () => {
  it("that is retried is waited for again, and what it pushes is reviewed", () =>
    withSql((sql) => {
      const { h, bead, fix, merge } = brokenRework(sql);
      h.auto.done = true;
      h.town.retryBead(fix, { fresh: false, note: "" }, PERSON);
      h.settle();
      expect(opens(h)).toEqual([]);
      expect(h.town.bead(fix)).toMatchObject({ status: "closed", reason: "pushed" });
      const after = h.town.merge(bead);
      expect(after).toMatchObject({ state: "reviewing" });
      expect(after.headSha).not.toBe(merge.headSha);
      h.town.giveVerdict(h.session(merge.id), { kind: "approve", summary: "ok" });
      h.settle();
      expect(h.town.bead(bead).reason).toBe("merged");
      expect(h.town.checkInvariants()).toEqual([]);
    }));

  it.each<[string, (h: Harness, bead: string) => void]>([
    ["approved by a person", (h) => answer(h, "approve")],
    ["looked at again", (h) => answer(h, "retry")],
    ["dropped", (h) => answer(h, "close")],
    ["dismissed", (h, bead) => void h.town.dismissMerge(bead, { note: "", source: "hold" }, PERSON)],
  ])("is refused a retry when its merge request was %s: nobody would take what it does", (_name, decide) =>
    withSql((sql) => {
      const { h, bead, fix } = brokenRework(sql);
      decide(h, bead);
      h.settle();
      expect(() => h.town.retryBead(fix, { fresh: false, note: "" }, PERSON)).toThrow(
        /no longer waits for it/,
      );
      h.settle();
      expect(h.town.bead(fix).status).toBe("failed");
      expect(h.town.sessions({ live: true, beadId: fix })).toEqual([]);
    }),
  );

  it("is refused a retry when a newer one took its place", () =>
    withSql((sql) => {
      const { h, fix, merge } = brokenRework(sql);
      answer(h, "retry");
      h.settle();
      const newer = askForChanges(h, merge.id);
      expect(newer).not.toBe(fix);
      expect(() => h.town.retryBead(fix, { fresh: false, note: "" }, PERSON)).toThrow(
        /no longer waits for it/,
      );
      h.town.failBead(newer, "cannot", PERSON);
      h.settle();
      expect(() => h.town.retryBead(fix, { fresh: false, note: "" }, PERSON)).toThrow(
        /no longer waits for it/,
      );
    }));

  it("leads to one question, not two", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.auto.verdict = false;
      h.town.setRigConfig(h.rig, { limits: { max_attempts: 1 } }, PERSON);
      const bead = h.town.sling(h.rig, { title: "Add x" }, { held: false }, PERSON).id;
      h.settle();
      h.auto.done = false;
      const fix = askForChanges(h, h.town.merge(bead).id);
      const { id, epoch } = h.town.session(h.session(fix));
      const reason = { code: "agent_exited", message: "it crashed" };
      const usage = { tokens_in: 0, tokens_out: 0, usd: 0, usd_known: false };
      h.town.post({
        type: "session_ended",
        sessionId: id,
        ended: { epoch, outcome: "failed", reason, work_ref: null, usage },
      });
      h.settle();
      expect(h.town.bead(fix)).toMatchObject({ status: "failed", reason: "attempts_exhausted" });
      expect(opens(h)).toEqual(["fix_failed"]);
    }));
});

it("a fix bead ends with what a person decides past it", () =>
  withSql((sql) => {
    const h = harness(sql);
    h.auto.verdict = false;
    const bead = h.town.sling(h.rig, { title: "Add x" }, { held: false }, PERSON).id;
    h.settle();
    const { id } = h.town.merge(bead);
    // A refinery that lost its bead says that it is done while the next one asks for changes.
    const first = h.session(id);
    h.town.stopSession(first, "now", "", PERSON);
    h.settle();
    h.town.requestDone(first, { summary: "looks good" });
    h.auto.done = false;
    const fix = askForChanges(h, id);
    expect(opens(h)).toEqual(["refinery_unhooked_done"]);
    answer(h, "approve");
    h.settle();
    expect(h.town.bead(fix)).toMatchObject({ status: "closed", reason: "moot" });
    expect(h.town.bead(bead).reason).toBe("merged");
    expect(h.town.checkInvariants()).toEqual([]);
  }));

function answer(h: Harness, choice: string): void {
  h.town.resolveEscalation(h.town.escalations({ open: true })[0]?.id ?? "", { choice }, PERSON);
}
