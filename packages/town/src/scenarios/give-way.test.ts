/**
 * A town whose runner has nothing to do, on a host where others wait for its place (spec/runner.md §1
 * `at_capacity`). The failures: an idle runner that keeps everybody waiting, one that is taken from work
 * or from a person, and a runner that goes although nobody wants its place any more.
 */
import { withSql } from "#host";
import { describe, expect, it } from "vitest";
import { harness, PERSON, type Harness } from "./harness.ts";

const MINUTE = 60_000;
const stops = (h: Harness): number => h.carriedOut.filter(({ kind }) => kind === "stop_runner").length;

/** Words for the mayor; the answer ends its turn. */
function say(h: Harness): () => void {
  const { messageId } = h.town.messageMayor("hello", PERSON);
  h.settle();
  return () => {
    const { id, epoch } = h.town.session(h.town.mayor().sessionId ?? "");
    const turn = { epoch, ended_at: h.now(), stop_reason: "end_turn", message_id: messageId };
    h.town.post({ type: "turn_ended", sessionId: id, turn });
    h.settle();
  };
}

describe("a town that is asked to give way", () => {
  it("lets an idle runner go at once instead of after its idle time", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.advance(MINUTE);
      expect(stops(h)).toBe(0);
      expect(h.town.giveWay()).toBe(true);
      h.settle();
      expect(stops(h)).toBe(1);
      // It has none now.
      expect(h.town.giveWay()).toBe(false);
    }));

  it("keeps one at work, and lets it go as soon as the last work is over", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.auto.done = false;
      const beads = ["a", "b"].map((title) => h.town.sling(h.rig, { title }, { held: false }, PERSON).id);
      h.settle();
      expect(h.town.giveWay()).toBe(false);
      h.advance(MINUTE);
      expect(stops(h)).toBe(0);
      for (const bead of beads) {
        expect(stops(h)).toBe(0);
        h.town.closeBead(bead, "cancelled", "", PERSON);
        h.settle();
        h.advance(4_999);
      }
      h.advance(2);
      expect(stops(h)).toBe(1);
    }));

  it("gives a person a minute to answer the mayor, and then lets both go", () =>
    withSql((sql) => {
      const h = harness(sql);
      const answer = say(h);
      expect(h.town.giveWay()).toBe(false);
      h.advance(5 * MINUTE);
      answer();
      expect(h.town.mayor().status).toBe("waiting");
      expect(h.town.giveWay()).toBe(false);
      h.advance(MINUTE - 1_000);
      expect(h.town.sessions({ live: true })).toMatchObject([{ role: "mayor" }]);
      h.advance(2_000);
      expect(h.town.sessions({ live: true })).toEqual([]);
      h.advance(5_000);
      expect(stops(h)).toBe(1);
    }));

  it("lets a mayor go at once to whom nobody has talked yet", () =>
    withSql((sql) => {
      const h = harness(sql);
      say(h)();
      h.advance(5 * MINUTE + 1);
      h.town.registerRunner("run_00000000000000000000000002");
      expect(h.town.prewarmMayor(h.town.configVersion())).not.toBeNull();
      h.settle();
      expect(h.town.mayor().status).toBe("waiting");
      h.advance(MINUTE);
      h.town.giveWay();
      h.settle();
      expect(h.town.sessions({ live: true })).toEqual([]);
      h.advance(5_001);
      expect(stops(h)).toBe(1);
    }));

  it("goes on with what follows from the last thing that ended: the runner stays for it", () =>
    withSql((sql) => {
      const h = harness(sql);
      const bead = h.town.sling(h.rig, { title: "a" }, { held: false }, PERSON).id;
      expect(h.town.giveWay()).toBe(false);
      h.settle();
      h.advance(MINUTE);
      expect(h.town.bead(bead)).toMatchObject({ status: "closed", reason: "merged" });
      const kinds = h.carriedOut.map(({ kind }) => kind);
      expect(kinds.indexOf("stop_runner")).toBeGreaterThan(kinds.indexOf("merge"));
      expect(stops(h)).toBe(1);
    }));

  it("keeps its next runner as ever, unless somebody still waits and says so", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.advance(MINUTE);
      h.town.giveWay();
      h.settle();
      expect(stops(h)).toBe(1);
      h.town.registerRunner("run_00000000000000000000000002");
      h.advance(MINUTE);
      expect(stops(h)).toBe(1);
      expect(h.town.giveWay()).toBe(true);
    }));

  it("keeps its usual patience again when nobody has asked for ten minutes", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.auto.done = false;
      const bead = h.town.sling(h.rig, { title: "a" }, { held: false }, PERSON).id;
      h.settle();
      expect(h.town.giveWay()).toBe(false);
      h.advance(10 * MINUTE);
      h.town.closeBead(bead, "cancelled", "", PERSON);
      h.settle();
      h.advance(5 * MINUTE - 1_000);
      expect(stops(h)).toBe(0);
      h.advance(MINUTE);
      expect(stops(h)).toBe(1);
    }));
});
