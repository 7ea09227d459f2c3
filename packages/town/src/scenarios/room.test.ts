/**
 * A host that has no room for this town's runner (spec/runner.md §1 `at_capacity`, town.md §5). The
 * failures: starts that are tried over and over and counted, a bead that does not say what it waits
 * for, work that waits on when there is room.
 */
import { withSql } from "#host";
import { describe, expect, it } from "vitest";
import { harness, PERSON, type Harness } from "./harness.ts";

const MINUTE = 60_000;
const FULL = "waits for a runner: this host runs 8 of at most 8; number 2 in the queue";
const starts = (h: Harness): number => h.carriedOut.filter(({ kind }) => kind === "start_session").length;

function full(h: Harness): void {
  h.auto.done = false;
  h.auto.heartbeat = false;
  h.on.start_session = () => ({ type: "no_room", message: FULL });
  h.on.ensure_runner = () => ({ type: "no_room", message: FULL });
}

describe("a town for whose runner there is no room", () => {
  it("tries once, counts nothing, says what its beads wait for, and goes on when its turn has come", () =>
    withSql((sql) => {
      const h = harness(sql);
      full(h);
      const beads = ["a", "b"].map((title) => h.town.sling(h.rig, { title }, { held: false }, PERSON));
      h.settle();
      const before = starts(h);
      h.advance(4 * MINUTE);
      expect(starts(h)).toBe(before);
      for (const { id } of beads)
        expect(h.town.bead(id)).toMatchObject({
          status: "open",
          startFailures: 0,
          runFailures: 0,
          waitingOn: { code: "runner_unavailable", message: FULL },
        });
      delete h.on.start_session;
      delete h.on.ensure_runner;
      h.town.post({ type: "runner_room" });
      h.settle();
      expect(beads.map(({ id }) => h.town.bead(id).status)).toEqual(["in_progress", "in_progress"]);
    }));

  it("asks again by itself after five minutes, in case nobody could tell it", () =>
    withSql((sql) => {
      const h = harness(sql);
      full(h);
      const bead = h.town.sling(h.rig, { title: "a" }, { held: false }, PERSON);
      h.settle();
      delete h.on.start_session;
      delete h.on.ensure_runner;
      h.advance(5 * MINUTE - 1);
      expect(h.town.bead(bead.id).status).toBe("open");
      h.advance(2);
      expect(h.town.bead(bead.id).status).toBe("in_progress");
    }));

  it("asks again when its host begins anew, which knows of no queue", () =>
    withSql((sql) => {
      const h = harness(sql);
      full(h);
      const bead = h.town.sling(h.rig, { title: "a" }, { held: false }, PERSON);
      h.settle();
      delete h.on.start_session;
      delete h.on.ensure_runner;
      h.restart();
      h.settle();
      expect(h.town.bead(bead.id).status).toBe("in_progress");
    }));

  it("keeps its mayor's message without counting a start, however often it is refused", () =>
    withSql((sql) => {
      const h = harness(sql);
      full(h);
      h.town.messageMayor("hello", PERSON);
      h.settle();
      for (let i = 0; i < 8; i++) h.advance(5 * MINUTE + 1);
      expect(h.town.escalations({ open: true })).toEqual([]);
      delete h.on.start_session;
      delete h.on.ensure_runner;
      h.town.post({ type: "runner_room" });
      h.settle();
      expect(h.town.sessions({ live: true })).toMatchObject([{ role: "mayor" }]);
    }));

  it("lets other work wait where it is, and sends it at once when there is room", () =>
    withSql((sql) => {
      const h = harness(sql, { ready: false });
      full(h);
      h.on.setup_rig = () => ({ type: "no_room", message: FULL });
      h.settle();
      expect(h.town.rig(h.rig).state).toBe("pending");
      h.advance(2 * MINUTE);
      delete h.on.setup_rig;
      h.town.post({ type: "runner_room" });
      h.settle();
      expect(h.town.rig(h.rig).state).toBe("ready");
    }));
});
