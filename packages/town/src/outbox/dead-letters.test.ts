/**
 * What was given up (spec/town.md §4). The failures: a person who is shown every refused start for ever, one who
 * can do nothing about what nobody else will do, and a merge that is carried out after it was told to have failed.
 */
import { withSql } from "#host";
import { describe, expect, it } from "vitest";
import { harness, PERSON, type Harness } from "../scenarios/harness.ts";

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const refused = { type: "refused", reason: { code: "x", message: "no such thing" } } as const;

/** A nudge that nobody can be woken for. */
function given(h: Harness): string {
  h.on.poke_session = () => refused;
  h.auto.done = false;
  const bead = h.town.sling(h.rig, { title: "one" }, { held: false }, PERSON).id;
  h.settle();
  h.town.nudgeSession(h.session(bead), { message: "hello", mode: "now" }, PERSON);
  h.settle();
  return h.town.outbox({})[0]?.id ?? "";
}

describe("an effect that was given up", () => {
  it("and that nobody waits for is tried again by a person", () =>
    withSql((sql) => {
      const h = harness(sql);
      const id = given(h);
      expect(h.town.outbox({})).toMatchObject([
        { id, kind: "poke_session", state: "dead", error: "no such thing", told: false },
      ]);
      expect(h.town.needsYou({}).items).toMatchObject([
        {
          kind: "dead_letter",
          primary: { operation: "admin.outbox.retry", args: { effectId: id } },
          others: [{ operation: "admin.outbox.discard" }, { operation: "events.list" }],
        },
      ]);
      delete h.on.poke_session;
      expect(h.town.retryEffect(id, PERSON)).toMatchObject({ state: "pending" });
      h.settle();
      expect(h.town.needsYou({}).items).toEqual([]);
      expect(h.town.outbox({ state: "done", kind: "poke_session" })).toMatchObject([{ id, error: null }]);
      expect(h.town.feed({ limit: 1, kind: "admin.call" })[0]?.text).toBe(
        "poke session is tried again by you",
      );
      expect(() => h.town.retryEffect(id, PERSON)).toThrow(/is done/);
      expect(h.town.checkInvariants()).toEqual([]);
    }));

  it("is discarded", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.town.discardEffect(given(h), PERSON);
      expect([h.town.outbox({}), h.town.needsYou({}).items]).toEqual([[], []]);
      expect(h.town.status().outbox.dead).toBe(0);
      expect(() => h.town.discardEffect("effect_none", PERSON)).toThrow(/no effect/);
    }));

  it("is not carried out again where whoever waited for it was told, and asks nobody", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.on.merge = () => refused;
      const bead = h.town.sling(h.rig, { title: "one" }, { held: false }, PERSON).id;
      h.settle();
      h.advance(3 * MINUTE);
      const letter = h.town.outbox({ kind: "merge" })[0];
      expect(letter).toMatchObject({ state: "dead", told: true });
      expect(h.town.needsYou({}).items.map(({ kind }) => kind)).not.toContain("dead_letter");
      expect(() => h.town.retryEffect(letter?.id ?? "", PERSON)).toThrow(/was told that it failed/);
      delete h.on.merge;
      h.settle();
      expect(h.town.bead(bead).status, "by itself, or by its merge request").not.toBe("open");
      h.advance(8 * DAY);
      h.town.sling(h.rig, { title: "two" }, { held: false }, PERSON);
      h.settle();
      expect(h.town.outbox({}), "kept no longer than what was done").toEqual([]);
    }));

  it("is no letter where a runner only answered: it will not begin, or has no such session", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.on.start_session = () => ({
        type: "refused",
        reason: { code: "tools_missing", message: "no tools" },
      });
      h.town.sling(h.rig, { title: "one" }, { held: false }, PERSON);
      h.settle();
      expect(h.bead("one").startFailures).toBe(1);
      expect([h.town.outbox({}), h.town.needsYou({}).items]).toEqual([[], []]);
    }));
});

describe("a fact that could not be applied", () => {
  function broken(h: Harness): number {
    h.settle();
    return h.town.inbox({})[0]?.seq ?? 0;
  }
  const arrive =
    "insert into inbox (type, payload, at, due_at, state, attempts) values ('effect_answered', '{broken', 0, 0, 'dead', 5)";

  it("is tried again from the first try on, and discarded", () =>
    withSql((sql) => {
      const h = harness(sql);
      sql.run(arrive);
      const seq = broken(h);
      expect(h.town.needsYou({}).items).toMatchObject([
        { kind: "dead_letter", primary: { operation: "admin.inbox.retry", args: { inboxSeq: String(seq) } } },
      ]);
      expect(h.town.retryFact(seq, PERSON)).toMatchObject({ state: "pending", attempts: 0 });
      h.settle();
      expect(h.town.inbox({ state: "pending" })).toMatchObject([{ seq, attempts: 1 }]);
      h.advance(5 * MINUTE);
      expect(h.town.inbox({})).toMatchObject([{ seq, state: "dead", attempts: 5 }]);
      expect(h.town.discardFact(seq, PERSON)).toMatchObject({ state: "applied" });
      expect(h.town.needsYou({}).items).toEqual([]);
      expect(() => h.town.retryFact(seq, PERSON)).toThrow(/is applied/);
      expect(() => h.town.retryFact(-1, PERSON)).toThrow(/no fact/);
    }));
});
