/** Patience with a silent agent (spec/town.md §5): each step at its time, once per quiet period. */
import { withSql } from "#host";
import { describe, expect, it } from "vitest";
import { harness, PERSON, type Harness } from "./harness.ts";

const MINUTE = 60_000;

/** A polecat at work of which nothing is heard from now on, though its runner lives. */
function silent(h: Harness) {
  h.auto.done = false;
  const bead = h.town.sling(h.rig, { title: "x" }, { held: false }, PERSON);
  h.settle();
  h.agents.silent = true;
  return { bead: bead.id, session: h.session(bead.id) };
}

const status = (h: Harness, session: string): string | undefined =>
  h.town.agents().find((agent) => agent.sessionId === session)?.status;

describe("a silent agent", () => {
  it("is nudged after 15 minutes, more firmly after 60, and stopped after 120", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { bead, session } = silent(h);
      h.advance(15 * MINUTE - 1);
      expect(h.nudged).toEqual([]);
      expect(status(h, session)).toBe("working");
      h.advance(1);
      expect(h.nudged).toMatchObject([{ session, urgent: false }]);
      expect(status(h, session)).toBe("stalled");
      h.advance(45 * MINUTE - 1);
      expect(h.nudged).toHaveLength(1);
      h.advance(1);
      expect(h.nudged).toMatchObject([{ urgent: false }, { session, urgent: true }]);
      h.advance(60 * MINUTE - 1);
      expect(h.town.session(session).state).toBe("running");
      h.advance(1);
      expect(h.town.session(session)).toMatchObject({ state: "ended", outcome: "stopped" });
      expect(h.town.bead(bead)).toMatchObject({ runFailures: 0, startFailures: 0 });
      expect(h.nudged.filter((one) => one.session === session)).toHaveLength(2);
    }));

  it("has each step once per quiet period: a sign of it begins a new one", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { session } = silent(h);
      h.advance(20 * MINUTE);
      h.town.toolCalled(session, "gt_status", null);
      expect(status(h, session)).toBe("working");
      h.advance(15 * MINUTE - 1);
      expect(h.nudged).toHaveLength(1);
      h.advance(1);
      expect(h.nudged).toHaveLength(2);
      expect(h.nudged[1]).toMatchObject({ urgent: false });
    }));

  it("is left alone while a tool of it runs, however long", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { session } = silent(h);
      h.agents.tools = ["npm test"];
      h.advance(5 * 60 * MINUTE);
      expect(h.nudged).toEqual([]);
      expect(h.town.session(session).state).toBe("running");
      h.agents.tools = [];
      h.agents.silent = false;
      h.advance(MINUTE);
      expect(h.nudged).toEqual([]);
    }));

  it("is left alone while its runner drains", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { session } = silent(h);
      h.agents.draining = true;
      h.advance(3 * 60 * MINUTE);
      expect(h.nudged).toEqual([]);
      expect(h.town.session(session).state).toBe("running");
    }));

  it("is no mayor: that one waits for people", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.town.messageMayor({ message: "hello" }, PERSON);
      h.settle();
      h.agents.silent = true;
      h.advance(3 * 60 * MINUTE);
      expect(h.nudged).toEqual([]);
      expect(h.town.mayor().sessionId).not.toBeNull();
    }));

  it("is not mistaken for a lively one because of turns that the town began itself", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { session } = silent(h);
      h.advance(14 * MINUTE);
      const { epoch } = h.town.session(session);
      h.town.appendTranscript(h.town.runnerEpoch(), {
        batches: [
          {
            session_id: session,
            epoch,
            items: [{ seq: 1, at: h.now(), type: "turn", data: { source: "nudge" } }],
          },
        ],
      });
      h.advance(MINUTE);
      expect(h.nudged).toHaveLength(1);
      h.town.appendTranscript(h.town.runnerEpoch(), {
        batches: [{ session_id: session, epoch, items: [{ seq: 2, at: h.now(), type: "update", data: {} }] }],
      });
      expect(status(h, session)).toBe("working");
    }));
});
