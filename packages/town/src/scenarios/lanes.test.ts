/** The lane of a target: red targets, pauses, places in the queue (spec/review.md §3, spec/api.md §3.8). */
import { withSql } from "#host";
import { describe, expect, it } from "vitest";
import { harness, outcome, PERSON, type Harness } from "./harness.ts";
import { forgeHarness, thread, threadsOf } from "./memory-forge.ts";

const MINUTE = 60_000;
const RED = [{ name: "t", exit_code: 1, duration_ms: 1, required: true, log_tail: "" }];

/** A rig without review whose target is red at `head`, until that is null. */
function redTarget(sql: Parameters<typeof harness>[0]) {
  const h = harness(sql);
  h.town.setRigConfig(h.rig, { review: { code_review: false } }, PERSON);
  const state: { head: string | null; asked: number[] } = { head: h.sha(), asked: [] };
  h.on.merge = () => {
    state.asked.push(h.now());
    return state.head === null
      ? outcome({ outcome: "merged", commit: h.sha(), already: false })
      : outcome({ outcome: "gates_failed", gates: RED, target_red: true, target_head: state.head });
  };
  const bead = h.town.sling(h.rig, { title: "Add x" }, { held: false }, PERSON).id;
  h.settle();
  return { h, state, bead };
}
const pauses = (asked: readonly number[]): number[] =>
  asked.slice(1).map((at, index) => (at - (asked[index] ?? 0)) / MINUTE);
const opens = (h: Harness): string[] => h.town.escalations({ open: true }).map((one) => one.category);

describe("a target that is red itself", () => {
  it("is tried after longer and longer pauses, up to an hour, with one question", () =>
    withSql((sql) => {
      const { h, state, bead } = redTarget(sql);
      h.advance(6 * 60 * MINUTE);
      expect(pauses(state.asked)).toEqual([5, 10, 20, 40, 60, 60, 60, 60]);
      expect(opens(h)).toEqual(["target_red"]);
      expect(h.town.merge(bead)).toMatchObject({
        state: "approved",
        waitingOn: { code: "landing_queue", message: expect.stringContaining("t fail on main itself") },
      });
      expect(h.town.lanes()).toMatchObject([{ target: "main", state: "red", until: expect.any(String) }]);
      expect(h.town.checkInvariants()).toEqual([]);
    }));

  it("begins with the short pause again when it has moved, red or not", () =>
    withSql((sql) => {
      const { h, state, bead } = redTarget(sql);
      h.advance(76 * MINUTE);
      expect(pauses(state.asked)).toEqual([5, 10, 20, 40]);
      state.head = h.sha();
      h.advance(70 * MINUTE);
      expect(pauses(state.asked)).toEqual([5, 10, 20, 40, 60, 5]);
      state.head = null;
      h.advance(10 * MINUTE);
      expect(h.town.bead(bead).reason).toBe("merged");
      expect(opens(h)).toEqual([]);
      expect(h.town.lanes()).toEqual([]);
    }));

  it.each<[string, (h: Harness) => unknown]>([
    [
      "a webhook tells of a push to it",
      (h) => h.town.pollConcerned(h.rig, { urls: [], headSha: null, branch: "main" }),
    ],
    [
      "a person says so",
      (h) =>
        h.town.resolveEscalation(
          h.town.escalations({ open: true })[0]?.id ?? "",
          { choice: "retry" },
          PERSON,
        ),
    ],
    [
      "the settings change",
      (h) => h.town.setRigConfig(h.rig, { review: { code_review: false, gates: ["true"] } }, PERSON),
    ],
    ["its lane is resumed", (h) => h.town.resumeLane(h.rig, "main", PERSON)],
  ])("is tried at once when %s", (_name, tell) =>
    withSql((sql) => {
      const { h, state, bead } = redTarget(sql);
      h.advance(80 * MINUTE);
      const before = state.asked.length;
      state.head = null;
      tell(h);
      h.settle();
      expect(state.asked).toHaveLength(before + 1);
      expect(h.town.bead(bead).reason).toBe("merged");
    }),
  );

  it("is not tried for a push to another branch", () =>
    withSql((sql) => {
      const { h, state } = redTarget(sql);
      const before = state.asked.length;
      h.town.pollConcerned(h.rig, { urls: [], headSha: null, branch: "elsewhere" });
      h.settle();
      expect(state.asked).toHaveLength(before);
    }));
});

describe("a lane", () => {
  it("shows its changes in order, and each its place", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.town.setRigConfig(h.rig, { review: { code_review: false } }, PERSON);
      h.on.merge = () => ({ type: "accepted" });
      const sling = (title: string, priority: "medium" | "critical"): string =>
        h.town.sling(h.rig, { title, priority }, { held: false }, PERSON).id;
      const first = sling("first", "medium");
      h.settle();
      const [later, urgent] = [sling("later", "medium"), sling("urgent", "critical")];
      h.settle();
      const mergeOf = (bead: string): string => h.town.merge(bead).id;
      expect(h.town.lanes()).toMatchObject([
        {
          target: "main",
          state: "landing",
          reason: null,
          inTest: [mergeOf(first)],
          changes: [
            { id: mergeOf(first), state: "landing", position: null },
            { id: mergeOf(urgent), position: 1, why: "waits for its turn to go into main" },
            { id: mergeOf(later), position: 2 },
          ],
        },
      ]);
      expect([first, urgent, later].map((bead) => h.town.merge(bead).queue?.position)).toEqual([
        undefined,
        1,
        2,
      ]);
    }));

  it("that is paused lands nothing, directly or by pull request, until it is resumed", () =>
    withSql((sql) => {
      const h = forgeHarness(sql);
      h.town.pauseLane(h.rig, "main", PERSON);
      const byPr = h.town.sling(h.rig, { title: "Add x" }, { held: false }, PERSON).id;
      h.settle();
      const review = { code_review: false, auto_merge_delay_minutes: 0 };
      h.town.setRigConfig(h.rig, { merge_strategy: "direct", review }, PERSON);
      const direct = h.town.sling(h.rig, { title: "Add y" }, { held: false }, PERSON).id;
      h.advance(60 * MINUTE);
      for (const id of [byPr, direct])
        expect(h.town.merge(id)).toMatchObject({
          state: "approved",
          waitingOn: { code: "held", message: "landing into main is paused by you" },
        });
      expect(h.town.lanes()).toMatchObject([{ state: "paused", pausedBy: "you" }]);
      expect(h.town.checkInvariants()).toEqual([]);
      h.town.resumeLane(h.rig, "main", PERSON);
      h.advance(MINUTE);
      expect([byPr, direct].map((id) => h.town.bead(id).reason)).toEqual(["merged", "merged"]);
    }));

  it("that is resumed merges on a new reading, and not on what was green before the pause", () =>
    withSql((sql) => {
      const h = forgeHarness(sql, { poll_seconds: 3_600 });
      h.town.pauseLane(h.rig, "main", PERSON);
      const bead = h.town.sling(h.rig, { title: "Add x" }, { held: false }, PERSON).id;
      h.advance(30 * MINUTE);
      threadsOf(h.forge.pull("Add x"), [thread("t", "wait")]);
      h.town.resumeLane(h.rig, "main", PERSON);
      h.settle();
      expect(h.forge.merges).toEqual([]);
      expect(h.town.merge(bead)).toMatchObject({ state: "approved", waitingOn: { code: "threads" } });
      threadsOf(h.forge.pull("Add x"), []);
      h.town.pollNow(bead, PERSON);
      h.settle();
      expect(h.town.merge(bead).state).toBe("merged");
    }));

  it("that is paused withdraws what is being merged", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.town.setRigConfig(h.rig, { review: { code_review: false } }, PERSON);
      h.on.merge = () => ({ type: "accepted" });
      h.town.sling(h.rig, { title: "Add x" }, { held: false }, PERSON);
      h.settle();
      h.town.pauseLane(h.rig, "main", PERSON);
      h.settle();
      expect(h.carriedOut.some((one) => one.kind === "withdraw_merge")).toBe(true);
    }));
});

describe("a pull request's merge that waits for its forge", () => {
  it.each<[string, (h: ReturnType<typeof forgeHarness>, bead: string) => unknown, string]>([
    ["hold", (h, bead) => h.town.holdMerge(bead, PERSON), "approved"],
    ["pause of its lane", (h) => h.town.pauseLane(h.rig, "main", PERSON), "approved"],
    ["dismissal", (h, bead) => h.town.dismissMerge(bead, { note: "", source: "hold" }, PERSON), "failed"],
  ])("is asked for no more after a %s", (_name, stop, state) =>
    withSql((sql) => {
      const h = forgeHarness(sql);
      const usual = h.on.merge_pull_request;
      h.on.merge_pull_request = () => ({
        type: "retry",
        message: "503",
        counted: true,
        retryAfterMs: 30 * MINUTE,
      });
      const bead = h.town.sling(h.rig, { title: "Add x" }, { held: false }, PERSON).id;
      h.settle();
      expect(h.town.merge(bead).state).toBe("landing");
      stop(h, bead);
      if (usual) h.on.merge_pull_request = usual;
      h.settle();
      expect(h.forge.merges).toEqual([]);
      expect(h.town.merge(bead).state).toBe(state);
      h.advance(120 * MINUTE);
      expect(h.forge.merges).toEqual([]);
      expect(h.town.checkInvariants()).toEqual([]);
    }),
  );

  it("that a person asked for once is not asked for again after a hold", () =>
    withSql((sql) => {
      const h = forgeHarness(sql, { auto_merge: false });
      const bead = h.town.sling(h.rig, { title: "Add x" }, { held: false }, PERSON).id;
      h.settle();
      h.town.mergeNow(bead, h.town.merge(bead).headSha, PERSON);
      h.town.holdMerge(bead, PERSON);
      h.advance(5 * MINUTE);
      h.town.releaseMerge(bead, PERSON);
      h.advance(5 * MINUTE);
      expect(h.town.merge(bead)).toMatchObject({ state: "approved", waitingOn: { code: "manual" } });
      expect(h.forge.merges).toEqual([]);
    }));
});
