/** What needs a person: one list, in order, and what was put aside (spec/api.md §3.3). */
import { withSql } from "#host";
import type { NeedsYou } from "@gastown/protocol";
import { describe, expect, it } from "vitest";
import type { Sql } from "../kernel/sql.ts";
import { harness, PERSON, type Harness } from "../scenarios/harness.ts";

const HOUR = 3_600_000;
const at = (h: Harness, ms: number): string => new Date(h.now() + ms).toISOString();
const items = (h: Harness): NeedsYou[] => h.town.needsYou({}).items;
const sling = (h: Harness, title: string, dependsOn: string[] = []): string =>
  h.town.sling(h.rig, { title, dependsOn }, { held: false }, PERSON).id;

/** A polecat asks something about its bead, and goes on. */
function asks(h: Harness, bead: string, title: string, severity: "low" | "medium" | "high"): string {
  return h.town.escalate(h.session(bead), { title, severity, body: "because of that" }).id;
}

function withTown(test: (h: Harness, sql: Sql) => void): Promise<void> {
  return withSql((sql) => {
    const h = harness(sql);
    h.auto.done = false;
    test(h, sql);
  });
}

describe("what needs a person", () => {
  it("is nothing in a town where all goes well", () =>
    withTown((h) => {
      sling(h, "one");
      h.settle();
      expect(h.town.needsYou({})).toEqual({ items: [], nextCursor: null, snoozed: 0 });
    }));

  it("comes in the order of what it holds up, then severity, then age", () =>
    withTown((h) => {
      const [one, two, three, four] = ["one", "two", "three", "four"].map((title) => sling(h, title));
      sling(h, "behind", [two ?? ""]);
      sling(h, "further behind", [h.bead("behind").id]);
      h.settle();
      const old = asks(h, three ?? "", "old", "low");
      h.advance(1_000);
      const young = asks(h, four ?? "", "young", "low");
      const severe = asks(h, one ?? "", "severe", "high");
      const heavy = asks(h, two ?? "", "heavy", "low");
      expect(items(h).map(({ object, holdsUp }) => [object.id, holdsUp])).toEqual([
        [heavy, 3],
        [severe, 1],
        [old, 1],
        [young, 1],
      ]);
      expect(items(h)[0]).toMatchObject({
        kind: "question",
        question: "heavy",
        because: "because of that",
        rigId: h.rig,
        primary: { label: "Answer", operation: "escalations.resolve", args: { escalationId: heavy } },
        others: [{ operation: "escalations.acknowledge" }],
      });
    }));

  it("goes by itself when its cause is gone", () =>
    withTown((h) => {
      const bead = sling(h, "one");
      h.settle();
      asks(h, bead, "Which?", "medium");
      expect(items(h)).toHaveLength(1);
      h.town.closeBead(bead, "cancelled", "", PERSON);
      h.settle();
      expect(items(h)).toEqual([]);
    }));

  it("is what an agent asked, whatever it calls that", () =>
    withTown((h) => {
      const bead = sling(h, "one");
      h.settle();
      h.town.escalate(h.session(bead), { title: "x", category: "breaker_open" });
      h.town.escalate(h.session(bead), { title: "y", category: "budget" });
      expect(items(h).map(({ kind }) => kind)).toEqual(["question", "question"]);
    }));

  it("is a failed bead with the choices that there are, and the convoy that it holds", () =>
    withTown((h) => {
      const tasks = [{ title: "first" }, { title: "second", dependsOn: [0] }];
      const { id } = h.town.slingConvoy({ rigId: h.rig, title: "Two", tasks, staged: false }, PERSON);
      h.on.start_session = () => ({ type: "refused", reason: { code: "no_tools", message: "none" } });
      h.advance(2 * HOUR);
      const failed = items(h).filter(({ kind }) => kind === "bead_failed");
      expect(failed.length).toBeGreaterThan(0);
      expect(failed[0]?.primary).toMatchObject({
        operation: "escalations.resolve",
        args: { choice: "retry" },
      });
      expect(items(h).find(({ kind }) => kind === "convoy_held")).toMatchObject({ holdsUp: 2 });
      expect(h.town.needsYou({ convoyId: id, kind: ["convoy_held"] }).items).toHaveLength(1);
      expect(h.town.needsYou({ convoyId: "convoy_other" }).items).toEqual([]);
    }));

  it("is a staged convoy, until it is started", () =>
    withTown((h) => {
      const tasks = [{ title: "first" }, { title: "second" }];
      const { id } = h.town.slingConvoy(
        { rigId: h.rig, title: "Two", tasks, staged: true, parallel: true },
        PERSON,
      );
      expect(items(h)).toMatchObject([
        {
          kind: "convoy_staged",
          object: { type: "convoy", id },
          holdsUp: 2,
          because: "It is planned (2 tasks) and not started.",
        },
      ]);
      h.town.startConvoy(id, PERSON);
      h.settle();
      expect(items(h)).toEqual([]);
    }));

  it("is a budget at four fifths, and the same one with more weight when it is used up", () =>
    withTown((h) => {
      h.town.setConfig({ ...h.town.config().config, budgets: { rig: { tokens: 1_000 } } }, PERSON);
      const bead = sling(h, "one");
      h.settle();
      h.cost(h.session(bead), 900);
      expect(items(h)).toMatchObject([
        { kind: "budget", severity: "low", holdsUp: 0, because: "900 of 1,000 tokens", rigId: h.rig },
      ]);
      sling(h, "two");
      h.cost(h.session(bead), 1_000);
      expect(items(h)).toMatchObject([
        {
          kind: "budget",
          severity: "medium",
          holdsUp: 1,
          primary: { operation: "rigConfig.update", args: { key: "budgets.rig", rigId: h.rig } },
        },
      ]);
    }));

  it("is a dead letter, by its reason", () =>
    withTown((h) => {
      h.on.poke_session = () => ({ type: "refused", reason: { code: "x", message: "no such thing" } });
      const bead = sling(h, "one");
      h.settle();
      h.town.nudgeSession(h.session(bead), { message: "hello", mode: "now" }, PERSON);
      h.settle();
      expect(items(h)).toMatchObject([
        { kind: "dead_letter", question: "poke session was given up", because: "no such thing" },
      ]);
    }));
});

describe("putting aside", () => {
  it("until a time hides it until then, and counts it", () =>
    withTown((h) => {
      const bead = sling(h, "one");
      h.settle();
      const id = asks(h, bead, "Which?", "medium");
      h.town.acknowledgeEscalation(id, PERSON);
      const [{ key } = { key: "" }] = items(h);
      const until = at(h, HOUR);
      expect(h.town.snooze({ keys: [key], until }, PERSON)).toMatchObject({ items: [], snoozed: 1 });
      expect(h.town.needsYou({ snoozed: true }).items).toMatchObject([{ key, snoozedUntil: until }]);
      const wake = h.town.nextWakeAt();
      expect(h.town.feed({ limit: 1 })[0]).toMatchObject({ kind: "needs_you.snoozed" });
      h.advance(HOUR - 1);
      expect(items(h)).toEqual([]);
      h.advance(1);
      expect(items(h)).toMatchObject([{ key }]);
      expect(items(h)[0]).not.toHaveProperty("snoozedUntil");
      // Nobody is woken for it.
      expect(wake === null || wake !== Date.parse(until)).toBe(true);
    }));

  it("until it changes hides it until it is more severe or says something else", () =>
    withTown((h) => {
      const bead = sling(h, "one");
      h.settle();
      asks(h, bead, "Which?", "medium");
      const [{ key } = { key: "" }] = items(h);
      h.town.snooze({ keys: [key], until: "changed" }, PERSON);
      h.advance(4 * HOUR - 1_000);
      expect(h.town.needsYou({ snoozed: true }).items).toMatchObject([{ key, snoozedUntil: "changed" }]);
      h.advance(1_000);
      expect(items(h)).toMatchObject([{ key, severity: "high" }]);
    }));

  it("ends with the matter: the same asked anew is seen", () =>
    withTown((h, sql) => {
      const bead = sling(h, "one");
      h.settle();
      const first = asks(h, bead, "Which?", "medium");
      const [{ key } = { key: "" }] = items(h);
      h.town.snooze({ keys: [key], until: at(h, 100 * HOUR) }, PERSON);
      h.town.resolveEscalation(first, { answer: "that" }, PERSON);
      h.advance(1_000);
      asks(h, bead, "Which?", "medium");
      const [again] = items(h);
      expect(again).toMatchObject({ question: "Which?" });
      h.town.snooze({ keys: [again?.key ?? ""], until: "changed" }, PERSON);
      expect(sql.all("select key from snoozes")).toEqual([{ key: again?.key }]);
    }));

  it("refuses what needs nobody, a time that is over and one that never comes, and changes nothing", () =>
    withTown((h, sql) => {
      const bead = sling(h, "one");
      h.settle();
      asks(h, bead, "Which?", "medium");
      const [{ key } = { key: "" }] = items(h);
      const refused = (keys: string[], until: string, code: string): void =>
        expect(() => h.town.snooze({ keys, until }, PERSON)).toThrow(expect.objectContaining({ code }));
      refused([key, "question:esc_none:1"], "changed", "not_found");
      refused([key], at(h, 0), "validation_failed");
      refused([key], at(h, 400 * 24 * HOUR), "validation_failed");
      expect(sql.all("select key from snoozes")).toEqual([]);
    }));
});
