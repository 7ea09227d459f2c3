/** The circuit breaker and its probe (spec/town.md §5), to the millisecond. */
import { withSql } from "#host";
import { describe, expect, it } from "vitest";
import type { EffectAnswer } from "../town.ts";
import { harness, PERSON, type Harness } from "./harness.ts";

const MINUTE = 60_000;

const broken = (code = "tools_missing"): EffectAnswer => ({
  type: "refused",
  reason: { code, phase: "tools", message: "the tools did not come", action: "look" },
});

/** Slings beads whose starts are all refused; returns their titles. */
function failing(h: Harness, beads: number, code?: string): void {
  h.on.start_session = () => broken(code);
  for (let i = 0; i < beads; i++) h.town.sling(h.rig, { title: `b${i}` }, { held: false }, PERSON);
  h.settle();
}

const starts = (h: Harness): string[] =>
  h.carriedOut.flatMap((request) => (request.kind === "start_session" ? [request.plan.bead?.id ?? ""] : []));
const code = (h: Harness, title: string): string | undefined => h.bead(title).waitingOn?.code;
const events = (h: Harness, kind: string): number => h.town.feed({ limit: 500, kind }).length;

describe("the breaker", () => {
  it("stays closed after 19 failures and opens with the 20th", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.town.setConfig({ limits: { max_agents: 1 } }, PERSON);
      failing(h, 19);
      expect(events(h, "breaker.opened")).toBe(0);
      failing(h, 5);
      expect(starts(h)).toHaveLength(20);
      expect(events(h, "breaker.opened")).toBe(1);
      expect(h.bead("b4").waitingOn).toMatchObject({ code: "breaker" });
      expect(h.town.escalations({ open: true }).map((one) => one.category)).toEqual(["breaker_open"]);
      expect(h.town.checkInvariants()).toEqual([]);
    }));

  it("counts only what failed within 30 minutes", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.town.setConfig({ limits: { max_attempts: 1 } }, PERSON);
      failing(h, 19);
      h.advance(30 * MINUTE);
      failing(h, 1);
      expect(events(h, "breaker.opened")).toBe(0);
      h.advance(30 * MINUTE - 1);
      failing(h, 18);
      expect(events(h, "breaker.opened")).toBe(0);
      failing(h, 1);
      expect(events(h, "breaker.opened")).toBe(1);
    }));

  it("does not count what is nobody's failure", () =>
    withSql((sql) => {
      const h = harness(sql);
      failing(h, 30, "at_capacity");
      expect(events(h, "breaker.opened")).toBe(0);
    }));

  it("lets one probe start after 5 minutes, of another bead each time, and then waits 10, 20, 40, 60", () =>
    withSql((sql) => {
      const h = harness(sql);
      failing(h, 25);
      const before = starts(h).length;
      h.advance(5 * MINUTE - 1);
      expect(starts(h)).toHaveLength(before);
      h.advance(1);
      expect(starts(h)).toHaveLength(before + 1);
      let last = starts(h).at(-1);
      for (const wait of [10, 20, 40, 60, 60]) {
        const count = starts(h).length;
        h.advance(wait * MINUTE - 1);
        expect(starts(h), `${wait} min, not yet`).toHaveLength(count);
        h.advance(1);
        expect(starts(h), `${wait} min`).toHaveLength(count + 1);
        expect(starts(h).at(-1)).not.toBe(last);
        last = starts(h).at(-1);
      }
      expect(events(h, "breaker.opened"), "told once per opening").toBe(1);
      expect(events(h, "escalation.created")).toBe(1);
    }));

  it("closes when its probe ends well, and everything goes on", () =>
    withSql((sql) => {
      const h = harness(sql);
      failing(h, 25);
      delete h.on.start_session;
      h.advance(5 * MINUTE - 1);
      expect(code(h, "b24")).toBe("breaker");
      h.advance(1);
      expect(events(h, "breaker.closed")).toBe(1);
      h.advance(10 * MINUTE);
      expect(new Set(Object.values(h.statuses()))).toEqual(new Set(["closed:merged"]));
      expect(h.town.escalations({ open: true })).toEqual([]);
      expect(h.town.nextWakeAt()).toBeNull();
    }));

  it("closes when its probe still runs after 10 minutes, not a moment earlier", () =>
    withSql((sql) => {
      const h = harness(sql);
      failing(h, 25);
      delete h.on.start_session;
      h.auto.done = false;
      h.advance(5 * MINUTE);
      expect(h.town.sessions({ live: true })).toHaveLength(1);
      h.advance(10 * MINUTE - 1);
      expect(h.town.sessions({ live: true })).toHaveLength(1);
      h.advance(1);
      expect(events(h, "breaker.closed")).toBe(1);
      expect(h.town.sessions({ live: true })).toHaveLength(4);
    }));

  it("is no reason to keep the mayor from anybody, and a person may close it", () =>
    withSql((sql) => {
      const h = harness(sql);
      failing(h, 25);
      delete h.on.start_session;
      h.town.messageMayor({ message: "what is wrong?" }, PERSON);
      h.settle();
      expect(h.town.sessions({ live: true }).map((one) => one.role)).toEqual(["mayor"]);
      const [escalation] = h.town.escalations({ open: true });
      h.town.resolveEscalation(escalation?.id ?? "", { choice: "resume" }, PERSON);
      h.settle();
      expect(h.bead("b24").status).toBe("closed");
    }));

  it("probes with the same bead where there is no other", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.town.setConfig({ limits: { max_attempts: 20 } }, PERSON);
      failing(h, 20);
      for (const title of Array.from({ length: 19 }, (_, i) => `b${i}`))
        h.town.closeBead(h.bead(title).id, "cancelled", "", PERSON);
      h.advance(15 * MINUTE);
      const [first, second] = starts(h).slice(-2);
      expect(first).toBe(second);
      expect(h.town.nextWakeAt()).not.toBeNull();
    }));
});
