/**
 * A model that does not answer for now (spec/runner.md §4): the failures are a bead that is counted as
 * tried, an agent that is stopped for a silence that is not its own, and a wait that nobody can explain.
 */
import { withSql } from "#host";
import type { FailureReason } from "@gastown/protocol";
import { describe, expect, it } from "vitest";
import { harness, PERSON, type Harness } from "./harness.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

function working(h: Harness): { bead: string; session: string } {
  h.auto.done = false;
  const bead = h.town.sling(h.rig, { title: "x" }, { held: false }, PERSON).id;
  h.settle();
  return { bead, session: h.session(bead) };
}

const limited = (h: Harness, ms: number) => ({
  until: h.now() + ms,
  provider: "anthropic",
  message: "its model's provider says: Overloaded",
});

function refuse(h: Harness, until: number): void {
  const reason: FailureReason = {
    code: "model_unavailable",
    message: "anthropic does not answer now: over quota.",
    until,
  };
  h.on.start_session = () => ({ type: "refused", reason });
}

const starts = (h: Harness): number => h.carriedOut.filter(({ kind }) => kind === "start_session").length;
const clock = (ms: number): string => new Date(ms).toISOString().slice(0, 16).replace("T", " ");

/** What the feed has said, in order: that it waits (true), and that it does not any more. */
const told = (h: Harness): unknown[] =>
  h.town
    .feed({ limit: 50, kind: "session.model_wait" })
    .toSorted((a, b) => a.seq - b.seq)
    .map(({ data }) => data["waits"]);

/** For ten minutes it is refused, tries five seconds later, and is refused again. */
function tryOften(h: Harness, session: string): { since: string } {
  h.agents.model = limited(h, 5_000);
  h.advance(30_000);
  const since = h.town.session(session).waitingOn?.since ?? "";
  for (let i = 0; i < 20; i += 1) {
    h.agents.model = i % 2 === 0 ? null : limited(h, 5_000);
    h.advance(30_000);
  }
  return { since };
}

describe("a session that waits for its model", () => {
  it("says so, with its time, wherever somebody asks why", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { bead, session } = working(h);
      h.agents.model = limited(h, 10 * MINUTE);
      const { until } = h.agents.model;
      h.advance(MINUTE);
      const wait = { code: "model_quota", until: new Date(until).toISOString() };
      expect(h.town.session(session).waitingOn).toMatchObject(wait);
      expect(h.town.bead(bead).waitingOn).toMatchObject(wait);
      const why = h.town.why(bead);
      expect(why.sentence).toMatch(/^x is in progress: .* works on it since /);
      expect(why.sentence).toContain(
        `waits for its model (anthropic): its model's provider says: Overloaded until ${clock(until)}.`,
      );
      expect(why.next).toEqual({ event: "its model is asked again", at: wait.until });
      expect(why.actions).toMatchObject([{ command: expect.stringContaining("default_model") }]);
      expect(h.town.status().working).toMatchObject([{ status: expect.stringContaining("anthropic") }]);
      h.agents.model = null;
      h.advance(30_000);
      expect(h.town.bead(bead).waitingOn).toBeUndefined();
      h.advance(MINUTE);
      expect(told(h)).toEqual([true, false]);
    }));

  it("is told once per trouble, however often its provider says to try again in a moment", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { session } = working(h);
      const { since } = tryOften(h, session);
      expect(told(h)).toEqual([true]);
      expect(h.town.session(session).waitingOn).toMatchObject({ since });
      h.agents.model = null;
      // The first heartbeat without a wait, and a minute from then.
      h.advance(30_000);
      expect(h.town.session(session).waitingOn).toBeUndefined();
      h.advance(59_999);
      expect(told(h)).toEqual([true]);
      h.advance(30_001);
      expect(told(h)).toEqual([true, false]);
      h.agents.model = limited(h, MINUTE);
      h.advance(30_000);
      expect(told(h)).toEqual([true, false, true]);
    }));

  it("is told anew where it is another provider's", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { session } = working(h);
      tryOften(h, session);
      h.agents.model = { ...limited(h, MINUTE), provider: "openai" };
      h.advance(30_000);
      expect(told(h)).toEqual([true, true]);
    }));

  it("is not taken for a silent one, and has all patience again afterwards", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { session } = working(h);
      h.agents.silent = true;
      h.advance(10 * MINUTE);
      h.agents.model = limited(h, HOUR);
      h.advance(3 * HOUR);
      expect(h.nudged).toEqual([]);
      h.agents.model = null;
      h.advance(15 * MINUTE);
      expect(h.nudged).toEqual([]);
      h.advance(MINUTE);
      expect(h.nudged).toMatchObject([{ session, urgent: false }]);
    }));

  it("counts nothing when it is evicted, and the bead is tried again", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { bead, session } = working(h);
      refuse(h, h.now() + 20 * MINUTE);
      h.town.post({
        type: "session_ended",
        sessionId: session,
        ended: {
          epoch: h.town.session(session).epoch,
          outcome: "evicted",
          reason: { code: "model_unavailable", message: "waited for 60 min" },
          work_ref: "refs/gastown/wip/a",
          usage: { tokens_in: 0, tokens_out: 0, usd: 0, usd_known: false },
        },
      });
      h.settle();
      expect(h.town.bead(bead)).toMatchObject({ status: "open", runFailures: 0, startFailures: 0 });
      delete h.on.start_session;
      h.advance(20 * MINUTE + 1);
      expect(h.town.bead(bead)).toMatchObject({ status: "in_progress", runFailures: 0, startFailures: 0 });
    }));

  it("is what a change waits for whose reviewer it is", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.auto.verdict = false;
      const bead = h.town.sling(h.rig, { title: "x" }, { held: false }, PERSON).id;
      h.settle();
      h.agents.model = limited(h, 10 * MINUTE);
      h.advance(MINUTE);
      expect(h.town.bead(bead)).toMatchObject({ status: "in_review", waitingOn: { code: "model_quota" } });
      expect(h.town.why(bead).sentence).toContain("waits for its model (anthropic)");
    }));
});

describe("a start that was refused for want of a model", () => {
  it("is tried again at the provider's time, counts nowhere, and is explained meanwhile", () =>
    withSql((sql) => {
      const h = harness(sql);
      const until = h.now() + 40 * MINUTE;
      refuse(h, until);
      h.auto.done = false;
      const bead = h.town.sling(h.rig, { title: "x" }, { held: false }, PERSON).id;
      h.advance(MINUTE);
      expect(h.town.why(bead).sentence).toBe(
        `x waits since ${clock(until - 40 * MINUTE)} until ${clock(until)}: waits for its model: anthropic does not answer now: over quota.`,
      );
      delete h.on.start_session;
      h.advance(39 * MINUTE - 1);
      expect(starts(h)).toBe(1);
      h.advance(1);
      expect(starts(h)).toBe(2);
      expect(h.town.bead(bead)).toMatchObject({ status: "in_progress", startFailures: 0, runFailures: 0 });
    }));

  it("is tried at once when settings change: they may name another model", () =>
    withSql((sql) => {
      const h = harness(sql);
      refuse(h, h.now() + HOUR);
      h.auto.done = false;
      const bead = h.town.sling(h.rig, { title: "x" }, { held: false }, PERSON).id;
      h.settle();
      delete h.on.start_session;
      h.town.setConfig({ default_model: "other/model" }, PERSON);
      h.settle();
      expect(h.town.bead(bead)).toMatchObject({ status: "in_progress" });
    }));

  it("of a reviewer rests as long, and is explained too", () =>
    withSql((sql) => {
      const h = harness(sql);
      const bead = h.town.sling(h.rig, { title: "x" }, { held: false }, PERSON).id;
      const until = h.now() + 40 * MINUTE;
      h.on.settle_session = (request) => {
        refuse(h, until);
        const { settle_id, epoch } = request.body;
        const head = h.sha();
        h.town.post({
          type: "session_settled",
          sessionId: request.sessionId,
          result: {
            epoch,
            settle_id,
            result: "pushed",
            branch: "b",
            base_sha: head,
            head_sha: head,
            commits: 1,
            additions: 1,
            deletions: 0,
            committed_dirty: false,
            error: null,
          },
        });
        return { type: "accepted" };
      };
      h.advance(MINUTE);
      expect(h.town.why(bead).sentence).toContain(
        "waits for a reviewer: anthropic does not answer now: over quota",
      );
      expect(h.town.bead(bead).waitingOn).toMatchObject({ until: new Date(until).toISOString() });
      delete h.on.start_session;
      h.advance(39 * MINUTE + 1);
      expect(h.town.bead(bead)).toMatchObject({ status: "closed", reason: "merged" });
    }));
});

describe("a mayor's start that was refused", () => {
  const say = (h: Harness) => h.town.messageMayor({ message: "hello" }, PERSON);
  const states = (h: Harness): string[] => h.town.conversation(10).map(({ state }) => state ?? "");

  it("for want of a model rests until the provider's time, and its message is kept", () =>
    withSql((sql) => {
      const h = harness(sql);
      refuse(h, h.now() + 20 * MINUTE);
      say(h);
      h.advance(20 * MINUTE - 1);
      expect([starts(h), states(h)]).toEqual([1, ["queued"]]);
      delete h.on.start_session;
      h.advance(1);
      expect([starts(h), states(h)]).toEqual([2, ["delivered"]]);
    }));

  it("for want of room rests for half a minute; a newer message tries at once", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.on.start_session = () => ({
        type: "refused",
        reason: { code: "at_capacity", message: "eight agents already" },
      });
      say(h);
      h.advance(30_000 - 1);
      expect(starts(h)).toBe(1);
      h.advance(1);
      expect(starts(h)).toBe(2);
      h.advance(1_000);
      say(h);
      h.settle();
      expect(starts(h)).toBe(3);
    }));
});
