/**
 * A runner that is lost again and again (spec/town.md §5, runner): three replacements within 30 min, then
 * a person is asked and one is tried every 30 min.
 */
import { withSql } from "#host";
import { describe, expect, it } from "vitest";
import { harness, PERSON, type Harness } from "./harness.ts";

const MINUTE = 60_000;

/** A host whose runners register at once, and a bead at work that keeps one wanted. */
function withRunners(h: Harness): { lose: () => void; started: () => number } {
  let made = 1;
  let lives = true;
  h.auto.done = false;
  h.on.ensure_runner = () => {
    if (lives) return { type: "done" };
    lives = true;
    made += 1;
    h.town.registerRunner(`run_${String(made).padStart(26, "0")}`);
    return { type: "done" };
  };
  h.town.sling(h.rig, { title: "x" }, { held: false }, PERSON);
  h.settle();
  return {
    lose: () => {
      lives = false;
      h.town.post({ type: "runner_lost", epoch: h.town.runnerEpoch(), reason: "out of memory" });
      h.settle();
    },
    started: () => made - 1,
  };
}

const question = (h: Harness) =>
  h.town.escalations({ open: true }).find(({ category }) => category === "runner_lost");

describe("a runner that is lost", () => {
  it("is replaced at once, three times within half an hour; the fourth loss asks a person", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { lose, started } = withRunners(h);
      for (let loss = 1; loss <= 3; loss++) {
        lose();
        expect(started(), `loss ${loss}`).toBe(loss);
        h.advance(MINUTE);
      }
      expect(question(h)).toBeUndefined();
      lose();
      expect(started()).toBe(3);
      expect(question(h)).toMatchObject({ severity: "high", choices: [{ id: "retry" }] });
      expect(question(h)?.body).toContain("out of memory");
      expect(h.town.needsYou({}).items).toMatchObject([
        { kind: "rig_or_runtime", primary: { label: "Try again now" } },
      ]);
      expect(h.town.checkInvariants()).toEqual([]);
    }));

  it("that long ago counts no more", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { lose, started } = withRunners(h);
      for (let loss = 1; loss <= 5; loss++) {
        lose();
        expect(started()).toBe(loss);
        h.advance(10 * MINUTE);
      }
      expect(question(h)).toBeUndefined();
    }));

  it("is tried again after 30 min and not a moment earlier, and again each time that it is lost", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { lose, started } = withRunners(h);
      for (let loss = 1; loss <= 4; loss++) lose();
      expect(started()).toBe(3);
      h.advance(30 * MINUTE - 1);
      expect(started()).toBe(3);
      expect(h.town.bead(h.bead("x").id)).toMatchObject({
        status: "open",
        startFailures: 0,
        waitingOn: {
          code: "runner_unavailable",
          message: expect.stringContaining("lost 4 times within 30 min"),
        },
      });
      h.advance(1);
      expect(started()).toBe(4);
      expect(h.town.bead(h.bead("x").id).status).toBe("in_progress");
      lose();
      expect(started()).toBe(4);
      h.advance(30 * MINUTE - 1);
      expect(started()).toBe(4);
      h.advance(1);
      expect(started()).toBe(5);
      expect(h.town.escalations({}).filter(({ category }) => category === "runner_lost")).toHaveLength(1);
    }));

  it("is trusted again once one has lived for 30 min: the question closes by itself", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { lose, started } = withRunners(h);
      for (let loss = 1; loss <= 4; loss++) lose();
      h.advance(30 * MINUTE);
      h.advance(29 * MINUTE);
      expect(question(h)).toBeDefined();
      h.advance(2 * MINUTE);
      expect(question(h)).toBeUndefined();
      expect(h.town.feed({ limit: 9, kind: "runner.recovered" })).toHaveLength(1);
      lose();
      expect(started()).toBe(5);
    }));

  it("is tried at once when a person says so, or when its host begins anew", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { lose, started } = withRunners(h);
      for (let loss = 1; loss <= 4; loss++) lose();
      h.town.resolveEscalation(question(h)?.id ?? "", { choice: "retry" }, PERSON);
      h.settle();
      expect(started()).toBe(4);
      for (let loss = 1; loss <= 4; loss++) lose();
      expect(started()).toBe(7);
      h.restart();
      h.settle();
      expect(started()).toBe(8);
    }));

  it("is not brought back by a host that has room, nor by what else wants it", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { lose, started } = withRunners(h);
      for (let loss = 1; loss <= 4; loss++) lose();
      h.town.post({ type: "runner_room" });
      h.town.messageMayor("hello", PERSON);
      h.town.sling(h.rig, { title: "y" }, { held: false }, PERSON);
      const before = h.carriedOut.length;
      h.advance(10 * MINUTE);
      expect(h.carriedOut.slice(before)).toEqual([]);
      expect(started()).toBe(3);
    }));

  it("and cannot be started is counted once a minute, so that a moment's trouble asks nobody", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { lose } = withRunners(h);
      h.on.ensure_runner = () => ({ type: "retry", message: "it ended before it was ready", counted: true });
      lose();
      h.advance(2 * MINUTE);
      expect(question(h)).toBeUndefined();
      h.advance(4 * MINUTE);
      expect(question(h)?.body).toContain("it ended before it was ready");
    }));

  it("that was asked to go, or stands idle, counts for nothing", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { lose, started } = withRunners(h);
      for (let drain = 1; drain <= 5; drain++) {
        h.town.post({ type: "runner_draining", epoch: h.town.runnerEpoch() });
        h.town.post({ type: "runner_drained", epoch: h.town.runnerEpoch() });
        // What its host tells of its end comes after its own last word.
        lose();
      }
      expect(started()).toBe(5);
      expect(question(h)).toBeUndefined();
    }));
});
