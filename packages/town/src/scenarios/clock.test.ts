/** Clocks that jump: nothing is lost, nothing waits for a day that is already over (spec/town.md §4). */
import { withSql } from "#host";
import { describe, expect, it } from "vitest";
import { harness, PERSON, UNKNOWN_THERE, type Harness } from "./harness.ts";

const DAY = 24 * 3_600_000;

function cooling(h: Harness) {
  h.on.start_session = () => ({ type: "refused", reason: { code: "tools_missing", message: "no tools" } });
  const bead = h.town.sling(h.rig, { title: "x" }, { held: false }, PERSON);
  h.settle();
  delete h.on.start_session;
  return bead;
}

describe("a clock that goes back a day", () => {
  it("moves what waits with it, once, and says so", () =>
    withSql((sql) => {
      const h = harness(sql);
      const bead = cooling(h);
      h.setClock(h.now() - DAY);
      h.settle();
      h.advance(30_000);
      expect(h.town.bead(bead.id).status).toBe("closed");
      expect(h.town.feed({ limit: 10, kind: "town.clock_moved_back" })).toHaveLength(1);
    }));

  it("loses no session that goes on to report", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.auto.done = false;
      const bead = h.town.sling(h.rig, { title: "x" }, { held: false }, PERSON);
      h.settle();
      h.setClock(h.now() - DAY);
      h.advance(10 * 60_000);
      expect(h.town.bead(bead.id)).toMatchObject({ status: "in_progress", runFailures: 0 });
    }));

  it("by less than a minute is waited out", () =>
    withSql((sql) => {
      const h = harness(sql);
      const bead = cooling(h);
      const seq = h.town.newestSeq();
      h.setClock(h.now() - 59_000);
      h.settle();
      expect(h.town.newestSeq()).toBe(seq);
      h.advance(59_000 + 30_000);
      expect(h.town.bead(bead.id).status).toBe("closed");
    }));
});

describe("a clock that jumps a day ahead", () => {
  it("ends no session: the machine slept, so every lease begins anew", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.auto.done = false;
      const bead = h.town.sling(h.rig, { title: "x" }, { held: false }, PERSON);
      h.settle();
      h.setClock(h.now() + DAY);
      h.settle();
      expect(h.town.bead(bead.id).status).toBe("in_progress");
      h.auto.heartbeat = false;
      h.on.check_session = () => UNKNOWN_THERE;
      h.advance(90_000);
      expect(h.town.bead(bead.id)).toMatchObject({ status: "open", runFailures: 1 });
    }));
});
