/** Budgets (spec/town.md §5): reserved, warned of, reached, hard, and back again. */
import { withSql } from "#host";
import { describe, expect, it } from "vitest";
import { harness, PERSON, type Harness } from "./harness.ts";

const DAY = 24 * 3_600_000;

function slung(h: Harness, ...titles: string[]): void {
  h.auto.done = false;
  for (const title of titles) h.town.sling(h.rig, { title }, { held: false }, PERSON);
  h.settle();
}

const events = (h: Harness, kind: string): string[] =>
  h.town
    .feed({ limit: 200, kind })
    .map((entry) => entry.text)
    .toReversed();
const sessionOf = (h: Harness, title: string): string => h.session(h.bead(title).id);
const working = (h: Harness): string[] =>
  h.town
    .status()
    .working.map((one) => one.title)
    .toSorted();

describe("a budget of the rig", () => {
  it("is warned of at 80 %, stops new starts at 100 %, and lets live sessions finish", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.town.setRigConfig(h.rig, { budgets: { rig: { tokens: 1_000 } } }, PERSON);
      slung(h, "a");
      h.cost(sessionOf(h, "a"), 799);
      expect(events(h, "budget.")).toEqual([]);
      h.cost(sessionOf(h, "a"), 800);
      expect(events(h, "budget.")).toEqual([
        "Four fifths of the budget of the rig are used: 800 of 1,000 tokens",
      ]);
      slung(h, "b");
      expect(working(h)).toEqual(["a", "b"]);
      h.cost(sessionOf(h, "a"), 999);
      slung(h, "c");
      expect(working(h)).toEqual(["a", "b", "c"]);
      h.cost(sessionOf(h, "a"), 1_000);
      slung(h, "d");
      expect(working(h)).toEqual(["a", "b", "c"]);
      expect(h.bead("d").waitingOn).toMatchObject({ code: "budget", limit: "budgets.rig" });
      expect(h.bead("d").waitingOn?.message).toContain("1,000 of 1,000 tokens");
      expect(events(h, "budget.exhausted")).toHaveLength(1);
      expect(h.town.escalations({ open: true }).map((one) => one.category)).toEqual(["budget"]);
      expect(h.town.checkInvariants()).toEqual([]);
    }));

  it("that is raised lets work go on, and the question is moot", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.town.setRigConfig(h.rig, { budgets: { rig: { usd: 1 } } }, PERSON);
      slung(h, "a");
      h.cost(sessionOf(h, "a"), 10, 1.5);
      slung(h, "b");
      expect(h.bead("b").waitingOn?.message).toContain("$1.50 of $1.00");
      h.town.setRigConfig(h.rig, { budgets: { rig: { usd: 2 } } }, PERSON);
      h.settle();
      expect(working(h)).toEqual(["a", "b"]);
      expect(events(h, "budget.reset")).toHaveLength(1);
      expect(h.town.escalations({ open: true })).toEqual([]);
    }));

  it("of the town does not hold for a rig that says null", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.town.setConfig({ budgets: { rig: { tokens: 0 } } }, PERSON);
      slung(h, "a");
      expect(h.bead("a").waitingOn).toMatchObject({ code: "budget" });
      h.town.setRigConfig(h.rig, { budgets: { rig: null } }, PERSON);
      h.settle();
      expect(working(h)).toEqual(["a"]);
    }));
});

describe("a reservation", () => {
  it("is the median of past sessions of the role, so that parallel starts do not overshoot", () =>
    withSql((sql) => {
      const h = harness(sql);
      slung(h, "p1", "p2", "p3");
      for (const [title, cost] of [
        ["p1", 100],
        ["p2", 300],
        ["p3", 900],
      ] as const)
        h.cost(sessionOf(h, title), cost);
      h.auto.done = true;
      h.advance(1_000);
      h.auto.done = false;
      h.town.setRigConfig(h.rig, { budgets: { rig: { tokens: 1_300 + 2 * 300 } } }, PERSON);
      slung(h, "a", "b", "c", "d");
      expect(working(h)).toEqual(["a", "b"]);
      expect(h.town.usage({}).budgets).toMatchObject([
        { scope: "rig", used: { tokens: 1_300 }, reserved: { tokens: 600 }, share: 1 },
      ]);
      h.town.stopSession(sessionOf(h, "a"), "now", "", PERSON);
      h.settle();
      expect(working(h), "what was reserved is free again").toHaveLength(2);
    }));
});

describe("a hard budget", () => {
  it("stops what lives, saves its work and counts nothing", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.town.setConfig({ budgets: { town_day: { tokens: 1_000, hard: true } } }, PERSON);
      slung(h, "a", "b");
      h.cost(sessionOf(h, "a"), 600);
      expect(working(h)).toEqual(["a", "b"]);
      h.cost(sessionOf(h, "b"), 400);
      expect(working(h)).toEqual([]);
      expect(h.bead("a")).toMatchObject({ status: "open", runFailures: 0, startFailures: 0 });
      expect(h.bead("a").waitingOn).toMatchObject({ code: "budget", limit: "budgets.town_day" });
      h.town.messageMayor({ message: "hello?" }, PERSON);
      h.settle();
      expect(h.town.sessions({ live: true }), "not even the mayor").toEqual([]);
    }));

  it("of a day comes back with the next one, at midnight UTC", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.town.setConfig({ budgets: { town_day: { tokens: 1_000, hard: true } } }, PERSON);
      slung(h, "a");
      h.cost(sessionOf(h, "a"), 1_000);
      const midnight = (Math.floor(h.now() / DAY) + 1) * DAY;
      expect(h.bead("a").waitingOn?.until).toBe(new Date(midnight).toISOString());
      h.advance(midnight - h.now() - 1);
      expect(working(h)).toEqual([]);
      h.advance(1);
      expect(working(h)).toEqual(["a"]);
    }));
});

describe("a budget of one bead", () => {
  it("also pays for its review and its fixes, and stops only that bead", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.town.setConfig({ budgets: { bead: { tokens: 1_000 } } }, PERSON);
      h.auto.verdict = false;
      slung(h, "a");
      h.cost(sessionOf(h, "a"), 700);
      h.auto.done = true;
      h.settle();
      h.auto.done = false;
      const [review] = h.town.sessions({ live: true });
      expect(review?.role).toBe("refinery");
      h.cost(review?.id ?? "", 400);
      h.town.giveVerdict(review?.id ?? "", { kind: "request_changes", feedback: "no", files: [] });
      slung(h, "b");
      expect(working(h)).toEqual(["b"]);
      const fix = h.town.beads({ kind: ["rework"] }, {}).items[0];
      expect(fix?.waitingOn).toMatchObject({ code: "budget", limit: "budgets.bead" });
      expect(h.town.bead(h.bead("a").id).usage).toMatchObject({ tokensIn: 1_100, usdKnown: false });
      expect(h.town.escalations({ open: true })).toMatchObject([{ category: "budget" }]);
    }));

  it("keeps a review from starting too, and says so", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.town.setConfig({ budgets: { bead: { tokens: 1_000 } } }, PERSON);
      slung(h, "a");
      h.cost(sessionOf(h, "a"), 1_000);
      h.auto.done = true;
      h.settle();
      expect(h.bead("a")).toMatchObject({ status: "in_review", waitingOn: { code: "budget" } });
      h.town.setConfig({ budgets: { bead: { tokens: 2_000 } } }, PERSON);
      h.settle();
      expect(h.bead("a").status).toBe("closed");
    }));
});

describe("a budget of a convoy", () => {
  it("is shared by its members", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.town.setConfig({ budgets: { convoy: { tokens: 500 } }, limits: { max_polecats_per_rig: 1 } }, PERSON);
      h.auto.done = false;
      const tasks = [{ title: "a" }, { title: "b" }];
      const convoy = h.town.slingConvoy(
        { title: "c", rigId: h.rig, tasks, parallel: true, staged: false },
        PERSON,
      );
      h.settle();
      h.cost(sessionOf(h, "a"), 500);
      expect(h.bead("b").waitingOn).toMatchObject({ code: "budget", limit: "budgets.convoy" });
      expect(h.town.convoy(convoy.id).usage.tokensIn).toBe(500);
    }));

  /** "a" in a rig that sets the budget, "b" in one that sets none. */
  function overTwoRigs(h: Harness, hard: boolean): void {
    const other = h.town.addRig({ name: "other", gitUrl: "/repo/other.git" }, PERSON).id;
    h.town.setRigConfig(h.rig, { budgets: { convoy: { tokens: 500, hard } } }, PERSON);
    h.auto.done = false;
    const tasks = [{ title: "a" }, { title: "b", rigId: other }];
    h.town.slingConvoy({ title: "c", rigId: h.rig, tasks, parallel: true, staged: false }, PERSON);
    h.settle();
    expect(working(h)).toEqual(["a", "b"]);
  }

  it("that only one of its rigs makes hard stops that rig's sessions, whoever used it up", () =>
    withSql((sql) => {
      const h = harness(sql);
      overTwoRigs(h, true);
      h.cost(sessionOf(h, "b"), 600);
      h.settle();
      expect(working(h)).toEqual(["b"]);
      expect(h.bead("a").waitingOn).toMatchObject({ code: "budget", limit: "budgets.convoy" });
    }));

  it("that only one of its rigs sets stays used up when another rig's session reports", () =>
    withSql((sql) => {
      const h = harness(sql);
      overTwoRigs(h, false);
      h.cost(sessionOf(h, "a"), 500);
      h.cost(sessionOf(h, "b"), 100);
      h.settle();
      expect(events(h, "budget.")).toEqual(["The budget of the convoy is used up: 500 of 500 tokens"]);
      expect(h.town.escalations({ open: true }).map((one) => one.category)).toEqual(["budget"]);
    }));
});

describe("costs", () => {
  it("are told by day, role, bead and model, and add up, also for what is reported late", () =>
    withSql((sql) => {
      const h = harness(sql);
      slung(h, "a");
      const session = sessionOf(h, "a");
      h.cost(session, 100, 0.5);
      h.auto.done = true;
      h.settle();
      const { epoch } = h.town.session(session);
      h.town.post({
        type: "session_ended",
        sessionId: session,
        ended: {
          epoch,
          outcome: "completed",
          reason: { code: "settled", message: "" },
          work_ref: null,
          usage: { tokens_in: 150, tokens_out: 50, usd: 0.75, usd_known: true },
        },
      });
      h.settle();
      expect(h.town.usage({ groupBy: "role" }).items).toMatchObject([
        { key: "refinery", sessions: 1, usdKnown: false },
        { key: "polecat", tokensIn: 150, tokensOut: 50, usd: 0.75, sessions: 1, usdKnown: true },
      ]);
      expect(h.town.usage({ groupBy: "bead" }).items).toMatchObject([{ key: h.bead("a").id, tokensIn: 150 }]);
      expect(h.town.usage({}).items).toMatchObject([{ tokensIn: 150, sessions: 2 }]);
      expect(h.town.usage({ to: "2020-01-01T00:00:00Z" }).items).toEqual([]);
      expect(h.town.status().spentToday).toEqual({ tokens: 200, usd: 0.75 });
      const rows = sql.all("select scope, tokens, usd from spend order by scope");
      expect(rows.map((row) => [row["scope"], row["tokens"], row["usd"]])).toEqual([
        ["bead", 200, 0.75],
        ["rig", 200, 0.75],
        ["town_day", 200, 0.75],
      ]);
    }));
});

describe("what a session has used", () => {
  const ended = (h: Harness, session: string, epoch: number): void => {
    h.town.post({
      type: "session_ended",
      sessionId: session,
      ended: {
        epoch,
        outcome: "evicted",
        reason: { code: "runner_restarted", message: "" },
        work_ref: null,
        usage: { tokens_in: 0, tokens_out: 0, usd: 0, usd_known: false },
      },
    });
    h.settle();
  };

  it("stays when a runner that only cleans up after another does not know it", () =>
    withSql((sql) => {
      const h = harness(sql);
      slung(h, "a");
      const session = sessionOf(h, "a");
      h.cost(session, 700, 2);
      ended(h, session, h.town.launchPlan(session)?.epoch ?? 0);
      expect(h.town.session(session)).toMatchObject({
        state: "ended",
        usage: { tokensIn: 700, usd: 2, usdKnown: true },
      });
      expect(h.town.usage({}).items).toMatchObject([{ tokensIn: 700, usd: 2 }]);
    }));

  it("goes on where a new runner takes it up and begins to count anew", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.town.setRigConfig(h.rig, { budgets: { rig: { tokens: 1_000 } } }, PERSON);
      slung(h, "a");
      const session = sessionOf(h, "a");
      h.cost(session, 700);
      const { epoch, desired } = h.town.registerRunner("run_00000000000000000000000002");
      const [plan] = desired;
      const beat = (tokens: number): void => {
        h.town.heartbeat(epoch, {
          instance_id: "run_00000000000000000000000002",
          draining: false,
          sessions: [
            {
              session_id: session,
              epoch: plan?.epoch ?? 0,
              state: "busy",
              last_event_at: null,
              active_tools: [],
              prompted: true,
              usage: { tokens_in: tokens, tokens_out: 0, usd: 0, usd_known: false },
            },
          ],
        });
        h.town.tick();
      };
      beat(0);
      expect(h.town.session(session)).toMatchObject({ usage: { tokensIn: 700 } });
      beat(200);
      beat(299);
      expect(events(h, "budget.exhausted")).toEqual([]);
      beat(300);
      expect(h.town.session(session)).toMatchObject({ usage: { tokensIn: 1_000 } });
      expect(events(h, "budget.exhausted")).toHaveLength(1);
    }));
});
