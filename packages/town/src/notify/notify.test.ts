/** Notifiers are told of what needs somebody: once, of what they want, and of nothing else (spec/town.md §4, §5). */
import { withSql } from "#host";
import type { Notifier } from "@gastown/protocol";
import { describe, expect, it } from "vitest";
import type { Sql } from "../kernel/sql.ts";
import { harness, PERSON, type Harness } from "../scenarios/harness.ts";
import type { EffectAnswer } from "../town.ts";
import type { NotifyRequest } from "./request.ts";

const HOUR = 3_600_000;
const hook = (id: string, more: Partial<Notifier> = {}): Notifier => ({
  kind: "webhook",
  id: id.repeat(8),
  url: "****hook",
  ...(more as object),
});

function withNotifiers(sql: Sql, ...notify: Notifier[]): Harness {
  const h = harness(sql);
  h.town.setConfig({ ...h.town.config().config, notify }, PERSON);
  h.town.storeNotifierAddresses(
    notify.map(({ id }) => ({ id, sealed: `sealed-${id}`, masked: "****hook" })),
    PERSON,
  );
  return h;
}

/** A polecat that asks something and goes on working. */
function asked(h: Harness, title = "Which color?", severity: "low" | "medium" = "medium"): string {
  h.auto.done = false;
  const bead = h.town.sling(h.rig, { title: "x" }, { held: false }, PERSON).id;
  h.settle();
  const { id } = h.town.escalate(h.session(bead), { title, severity });
  h.settle();
  return id;
}

const told = (h: Harness): NotifyRequest[] => h.carriedOut.filter((request) => request.kind === "notify");
const events = (h: Harness): string[] => told(h).map(({ notice }) => notice.event);

describe("a notifier", () => {
  it("is told of an escalation at once, with what can be answered, and again when it is raised", () =>
    withSql((sql) => {
      const h = withNotifiers(sql, hook("a"));
      const id = asked(h);
      expect(told(h)).toMatchObject([
        {
          notifier: { id: "aaaaaaaa" },
          sealed: "sealed-aaaaaaaa",
          notice: {
            event: "escalation.created",
            severity: "medium",
            subject: { type: "bead", id },
            text: "Needs a person (medium): Which color?",
            detail: expect.stringContaining("gastown escalation"),
          },
        },
      ]);
      h.advance(4 * HOUR);
      expect(told(h).at(-1)?.notice).toMatchObject({ event: "escalation.bumped", severity: "high" });
      h.town.acknowledgeEscalation(id, PERSON);
      h.advance(30 * HOUR);
      expect(events(h)).toEqual(["escalation.created", "escalation.bumped"]);
    }));

  it("hears of no less than it wants", () =>
    withSql((sql) => {
      const h = withNotifiers(
        sql,
        hook("a", { min_severity: "high" }),
        hook("b", { events: ["breaker.opened"] }),
        hook("c", { min_severity: "medium" }),
      );
      asked(h);
      expect(told(h).map(({ notifier }) => notifier.id)).toEqual(["cccccccc"]);
    }));

  it("is told once of a breaker that opens, although a question is asked as well", () =>
    withSql((sql) => {
      const h = withNotifiers(sql, hook("a"), hook("b", { events: ["escalation.created"] }));
      h.on.start_session = () => ({ type: "refused", reason: { code: "no_tools", message: "none" } });
      for (let n = 0; n < 20; n++) h.town.sling(h.rig, { title: `bead ${n}` }, { held: false }, PERSON);
      h.advance(5 * 60_000);
      const about = (id: string): string[] =>
        told(h)
          .filter(({ notifier, notice }) => notifier.id === id && /sessions failed/.test(notice.text))
          .map(({ notice }) => notice.event);
      expect(about("aaaaaaaa")).toEqual(["breaker.opened"]);
      expect(about("bbbbbbbb")).toEqual(["escalation.created"]);
    }));

  it("is told of a budget at four fifths and when it is used up", () =>
    withSql((sql) => {
      const h = withNotifiers(sql, hook("a"));
      h.town.setConfig({ ...h.town.config().config, budgets: { town_day: { tokens: 1_000 } } }, PERSON);
      h.auto.done = false;
      const bead = h.town.sling(h.rig, { title: "x" }, { held: false }, PERSON).id;
      h.settle();
      h.cost(h.session(bead), 799);
      expect(events(h)).toEqual([]);
      h.cost(h.session(bead), 800);
      expect(events(h)).toEqual(["budget.warned"]);
      h.cost(h.session(bead), 1_000);
      h.cost(h.session(bead), 1_100);
      expect(events(h)).toEqual(["budget.warned", "budget.exhausted"]);
    }));

  it("is told of a landed convoy where it asked for that", () =>
    withSql((sql) => {
      const h = withNotifiers(sql, hook("a"), hook("b", { events: ["convoy.landed"] }));
      h.town.slingConvoy({ rigId: h.rig, title: "Two", tasks: [{ title: "one" }], staged: false }, PERSON);
      h.advance(HOUR);
      expect(told(h).map(({ notifier, notice }) => [notifier.id, notice.event])).toEqual([
        ["bbbbbbbb", "convoy.landed"],
      ]);
    }));

  it("hears it with one id however often it is tried, also over a restart of the host", () =>
    withSql((sql) => {
      const h = withNotifiers(sql, hook("a"));
      const answers: (EffectAnswer | "lost")[] = [
        { type: "retry", message: "It answered 503.", counted: true },
        "lost",
        { type: "done" },
      ];
      const ids: string[] = [];
      h.on.notify = ({ notice }, effect) => {
        expect(notice.id).toBe(effect.id);
        ids.push(notice.id);
        return answers.shift() ?? { type: "done" };
      };
      asked(h);
      h.advance(2_000);
      expect(ids).toHaveLength(2);
      h.restart();
      h.advance(2_000);
      expect(ids).toHaveLength(3);
      expect(new Set(ids).size).toBe(1);
      expect(ids[0]).toMatch(/^eff_/);
    }));

  it("that is gone is told nothing any more, and its address is forgotten", () =>
    withSql((sql) => {
      const h = withNotifiers(sql, hook("a"));
      h.on.notify = () => ({ type: "retry", message: "later", counted: true });
      asked(h);
      const tries = told(h).length;
      h.town.setConfig({ ...h.town.config().config, notify: [] }, PERSON);
      h.town.storeNotifierAddresses([], PERSON);
      h.advance(HOUR);
      expect(told(h)).toHaveLength(tries);
      expect(sql.all("select key from secrets where scope = 'notify'")).toEqual([]);
    }));

  it("that refuses, or that cannot be reached for a day, costs nothing after it", () =>
    withSql((sql) => {
      const h = withNotifiers(sql, hook("a"), hook("b"));
      h.on.notify = ({ notifier }) =>
        notifier.id === "aaaaaaaa"
          ? { type: "refused", reason: { code: "refused_there", message: "It answered 404." } }
          : { type: "retry", message: "no network", counted: false };
      const id = asked(h);
      h.town.acknowledgeEscalation(id, PERSON);
      const [dead] = h.town.feed({ limit: 1, kind: "outbox.effect_dead" });
      expect(dead?.text).toBe("notify was given up: It answered 404.");
      const letter = h.town.outbox({ kind: "notify" })[0]?.id ?? "";
      h.on.notify = () => ({ type: "retry", message: "no network", counted: false });
      expect(h.town.retryEffect(letter, PERSON)).toMatchObject({ state: "pending" });
      h.advance(25 * HOUR);
      expect(
        sql.get(
          "select count(*) as n from outbox where kind = 'notify' and state <> 'done' and state <> 'dead'",
        ),
      ).toEqual({ n: 0 });
      // Nobody is told that nobody could be told.
      expect(h.town.escalations({ open: true })).toHaveLength(1);
    }));

  it("needs no runner, and keeps none alive", () =>
    withSql((sql) => {
      const h = withNotifiers(sql, hook("a"));
      const id = asked(h);
      h.town.closeBead(h.bead("x").id, "cancelled", "", PERSON);
      h.settle();
      h.on.notify = () => ({ type: "retry", message: "down", counted: false });
      h.town.setConfig({ ...h.town.config().config, budgets: { town_day: { tokens: 0 } } }, PERSON);
      h.advance(10 * 60_000);
      expect(h.carriedOut.some(({ kind }) => kind === "stop_runner")).toBe(true);
      expect(h.town.escalation(id).open).toBe(false);
    }));
});
