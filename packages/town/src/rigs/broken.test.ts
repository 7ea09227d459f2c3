/** A repository that cannot be used (spec/town.md §5): asked about once, tried while work waits for it. */
import { withSql } from "#host";
import { describe, expect, it } from "vitest";
import { harness, outcome, PERSON, type Harness } from "../scenarios/harness.ts";

const MINUTE = 60_000;
const BROKEN = outcome({
  outcome: "rig_broken",
  problem: "auth",
  message: "refused",
  action: "Set a token.",
});

function withBroken(test: (h: Harness, tries: () => number) => void): Promise<void> {
  return withSql((sql) => {
    const h = harness(sql, { ready: false });
    h.on.setup_rig = () => BROKEN;
    h.settle();
    test(h, () => h.carriedOut.filter(({ kind }) => kind === "setup_rig").length);
  });
}

describe("a broken repository", () => {
  it("is asked about once, however often it is tried, until it can be used", () =>
    withBroken((h) => {
      h.town.sling(h.rig, { title: "x" }, { held: false }, PERSON);
      h.advance(20 * MINUTE);
      const [question, ...others] = h.town.escalations({ open: true });
      expect(others).toEqual([]);
      expect(question).toMatchObject({
        category: "rig_broken",
        severity: "high",
        body: "refused Set a token.",
      });
      expect(h.town.needsYou({}).items).toMatchObject([{ kind: "rig_or_runtime", holdsUp: 1, rigId: h.rig }]);
      delete h.on.setup_rig;
      h.town.resolveEscalation(question?.id ?? "", { choice: "retry" }, PERSON);
      h.settle();
      expect(h.town.rig(h.rig).state).toBe("ready");
      expect(h.town.escalations({ open: true })).toEqual([]);
    }));

  it("closes its question by itself, and the next episode has another", () =>
    withBroken((h) => {
      const [first] = h.town.escalations({ open: true });
      delete h.on.setup_rig;
      h.town.verifyRig(h.rig, PERSON);
      h.settle();
      expect(h.town.escalation(first?.id ?? "")).toMatchObject({
        open: false,
        resolution: { choice: "moot" },
      });
      h.on.setup_rig = () => BROKEN;
      h.town.verifyRig(h.rig, PERSON);
      h.settle();
      expect(h.town.escalations({ open: true })).toHaveLength(1);
    }));

  it("that no work waits for is left alone; work that comes has it tried at once", () =>
    withBroken((h, tries) => {
      const [question] = h.town.escalations({ open: true });
      h.town.acknowledgeEscalation(question?.id ?? "", PERSON);
      h.advance(2 * MINUTE);
      expect(tries()).toBe(1);
      h.advance(24 * 60 * MINUTE);
      expect(tries()).toBe(1);
      expect(h.town.nextWakeAt()).toBeNull();
      expect(h.town.checkInvariants()).toEqual([]);
      h.town.sling(h.rig, { title: "x" }, { held: false }, PERSON);
      h.settle();
      expect(tries()).toBe(2);
      expect(h.town.checkInvariants()).toEqual([]);
      delete h.on.setup_rig;
      h.advance(5 * MINUTE);
      expect(h.town.rig(h.rig).state).toBe("ready");
      expect(h.town.bead(h.bead("x").id).status).toBe("closed");
    }));

  it("is tried for a convoy that has only to land there, all of its beads being done", () =>
    withSql((sql) => {
      const h = harness(sql);
      const missing = { code: "runtime_missing", message: "no such agent", action: "Install it." } as const;
      // The members are let through; of the landing's reviewer the runtime has gone.
      const isLanding = (id: string | null | undefined): boolean =>
        sql.get("select 1 from merge_requests where bead_id = ? and lands_convoy = 1", id ?? "") !==
        undefined;
      h.on.start_session = ({ plan }) =>
        isLanding(plan.bead?.id) ? { type: "refused", reason: missing } : { type: "done" };
      h.town.slingConvoy(
        {
          title: "c",
          rigId: h.rig,
          tasks: [{ title: "a" }],
          mode: "review-then-land",
          parallel: true,
          staged: false,
        },
        PERSON,
      );
      h.settle();
      expect([h.bead("a").status, h.town.rig(h.rig).state]).toEqual(["closed", "broken"]);
      delete h.on.start_session;
      h.advance(10 * MINUTE);
      expect(h.town.rig(h.rig).state).toBe("ready");
      expect(h.town.escalations({ open: true })).toEqual([]);
      expect(h.bead("c").status).toBe("closed");
    }));

  it("that work waits for is tried after 1, 2, 4 … minutes, at most an hour apart", () =>
    withBroken((h, tries) => {
      h.town.sling(h.rig, { title: "x" }, { held: false }, PERSON);
      h.settle();
      const began = tries();
      h.advance(MINUTE);
      expect(tries()).toBe(began + 1);
      h.advance(2 * MINUTE - 1);
      expect(tries()).toBe(began + 1);
      h.advance(1);
      expect(tries()).toBe(began + 2);
      h.advance(10 * 60 * MINUTE);
      const later = tries();
      h.advance(60 * MINUTE);
      expect(tries()).toBe(later + 1);
    }));
});
