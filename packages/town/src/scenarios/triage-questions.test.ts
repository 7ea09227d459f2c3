/** Questions that triage looks at first, and what its own budget and credential are (spec/town.md §5). */
import { withSql } from "#host";
import type { TownConfig } from "@gastown/protocol";
import { describe, expect, it } from "vitest";
import { harness, PERSON, type Harness } from "./harness.ts";

const HOOK = { kind: "webhook", id: "aaaaaaaa", url: "****hook" } as const;

/** A town whose questions go to triage, with a polecat at work. */
function routed(h: Harness, more: TownConfig = {}): { bead: string; session: string } {
  h.town.setConfig({ escalations: { assign_to: "triage" }, notify: [HOOK], ...more }, PERSON);
  return atWork(h);
}

function atWork(h: Harness, title = "x"): { bead: string; session: string } {
  h.auto.done = false;
  const bead = h.town.sling(h.rig, { title }, { held: false }, PERSON).id;
  h.settle();
  return { bead, session: h.session(bead) };
}

const triage = (h: Harness): string =>
  h.town.sessions({ live: true }).find((one) => one.role === "triage")?.id ?? "";
const notices = (h: Harness): number => h.carriedOut.filter(({ kind }) => kind === "notify").length;
const ask = (h: Harness, session: string, title = "Which port?") =>
  h.town.escalate(session, { title, body: "The README names two." });

function decide(h: Harness, action: "guide" | "fail_bead" | "escalate" | "escalate_to_person" | "discard") {
  const [request] = h.town.prime(triage(h)).triage;
  const decided = h.town.resolveTriage(triage(h), {
    request_id: request?.id ?? "",
    action,
    notes: "because of the README",
    message: "Use 8080.",
  });
  h.settle();
  return decided;
}

describe("a question", () => {
  it("goes to people, unless it is set otherwise", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.town.setConfig({ notify: [HOOK] }, PERSON);
      const { session } = atWork(h);
      expect(ask(h, session)).not.toHaveProperty("routedTo");
      h.settle();
      expect(triage(h)).toBe("");
      expect(notices(h)).toBe(1);
      expect(h.town.needsYou({}).items).toHaveLength(1);
    }));

  it("is triage's first: nobody else is asked meanwhile", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { session } = routed(h);
      h.town.messageMayor({ message: "hello" }, PERSON);
      expect(ask(h, session)).toMatchObject({ routedTo: "triage" });
      h.settle();
      expect(h.town.prime(triage(h)).triage).toMatchObject([
        { type: "question", actions: ["guide", "fail_bead", "escalate", "escalate_to_person"] },
      ]);
      expect(h.town.prime(triage(h)).triage[0]?.text).toContain("The README names two.");
      expect(notices(h)).toBe(0);
      expect(h.town.needsYou({}).items).toEqual([]);
      expect(h.town.mayorQueue().map(({ message }) => message)).not.toContainEqual(
        expect.stringContaining("Which port?"),
      );
      expect(h.town.checkInvariants()).toEqual([]);
    }));

  it("is answered by guide: its asker is told while it lives, and its next attempt as well", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { bead, session } = routed(h);
      ask(h, session);
      h.settle();
      expect(decide(h, "guide")).toMatchObject({ applied: true, left: 0 });
      expect(h.town.escalations({ open: true })).toEqual([]);
      expect(h.town.claimNudges(session, h.town.session(session).epoch, "idle")).toMatchObject([
        { text: expect.stringContaining("Use 8080.") },
      ]);
      h.town.stopSession(session, "now", "", PERSON);
      h.settle();
      expect(h.town.prime(h.session(bead)).bead?.body).toContain("Use 8080.");
    }));

  it("that holds its bead lets it go on when it is answered", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { bead, session } = routed(h);
      ask(h, session);
      h.town.post({
        type: "session_ended",
        sessionId: session,
        ended: {
          epoch: h.town.session(session).epoch,
          outcome: "completed",
          reason: { code: "no_outcome", message: "" },
          work_ref: null,
          usage: { tokens_in: 0, tokens_out: 0, usd: 0, usd_known: false },
        },
      });
      h.settle();
      expect(h.town.bead(bead)).toMatchObject({ status: "open", reason: "question" });
      decide(h, "guide");
      expect(h.town.bead(bead)).toMatchObject({ status: "in_progress", runFailures: 0 });
    }));

  it("is handed to the mayor with what triage thinks of it, and people are left alone", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { session } = routed(h);
      h.town.messageMayor({ message: "hello" }, PERSON);
      ask(h, session);
      h.settle();
      decide(h, "escalate");
      expect(notices(h)).toBe(0);
      const told = h.town.mayorQueue().map(({ message }) => message);
      expect(told.at(-1)).toContain("Which port?");
      expect(told.at(-1)).toContain("Triage: because of the README");
    }));

  it("is handed to a person as one of severity high, also where there is no mayor to hand it to", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { session } = routed(h);
      for (const action of ["escalate_to_person", "escalate"] as const) {
        ask(h, session, action);
        h.settle();
        decide(h, action);
        h.town.requestDone(triage(h), { summary: "done" });
        h.settle();
      }
      expect(h.town.escalations({ open: true })).toMatchObject([{ severity: "high" }, { severity: "high" }]);
      expect(h.town.needsYou({}).items).toHaveLength(2);
      expect(notices(h)).toBe(2);
    }));

  it("gives its bead up", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { bead, session } = routed(h);
      ask(h, session);
      h.settle();
      decide(h, "fail_bead");
      expect(h.town.bead(bead)).toMatchObject({ status: "failed", reason: "triage" });
      expect(h.town.escalations({ open: true })).toEqual([]);
    }));

  it("is never dropped: discard is not offered, and three failed attempts end with a person", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { session } = routed(h);
      ask(h, session);
      h.settle();
      expect(() => decide(h, "discard")).toThrow(/not offered/);
      for (let attempt = 1; attempt <= 3; attempt++) {
        expect(triage(h), `attempt ${attempt}`).not.toBe("");
        expect(h.town.needsYou({}).items).toEqual([]);
        h.town.requestDone(triage(h), { summary: "cannot say" });
        h.settle();
      }
      expect(triage(h)).toBe("");
      expect(h.town.needsYou({}).items).toMatchObject([{ severity: "high", kind: "question" }]);
      expect(notices(h)).toBe(1);
    }));

  it("that a person answers first is theirs: what triage says then changes nothing", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { session } = routed(h);
      const { id } = ask(h, session);
      h.settle();
      h.town.resolveEscalation(id, { answer: "9090" }, PERSON);
      expect(decide(h, "guide")).toMatchObject({ applied: false });
      expect(h.town.escalation(id).resolution).toMatchObject({ answer: "9090" });
    }));

  it("of severity critical, of the mayor or of triage itself goes to people at once", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { session } = routed(h);
      expect(h.town.escalate(session, { title: "on fire", severity: "critical" })).not.toHaveProperty(
        "routedTo",
      );
      ask(h, session);
      h.settle();
      expect(h.town.escalate(triage(h), { title: "what is this" })).not.toHaveProperty("routedTo");
      expect(sql.all("select id from triage_requests")).toHaveLength(1);
    }));

  it("comes on top of the five that silence may raise", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { session } = routed(h, { limits: { max_polecats_per_rig: 10 } });
      for (let n = 0; n < 6; n++) atWork(h, `silent ${n}`);
      h.town.pause("", PERSON);
      for (let n = 0; n < 6; n++) ask(h, session, `question ${n}`);
      h.agents.silent = true;
      h.advance(60 * 60_000);
      const open = sql.all<{ asks: number }>(
        "select escalation_id is not null as asks from triage_requests where state = 'open'",
      );
      expect(open.filter(({ asks }) => asks === 1)).toHaveLength(6);
      expect(open.filter(({ asks }) => asks === 0)).toHaveLength(5);
    }));

  it("is raised after four hours like any other, and then people know of it", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { session } = routed(h);
      h.agents.tools = ["long build"];
      h.town.pause("", PERSON);
      ask(h, session);
      h.advance(4 * 3_600_000 - 1);
      expect(h.town.needsYou({}).items).toEqual([]);
      h.advance(1);
      expect(h.town.needsYou({}).items).toMatchObject([{ severity: "high" }]);
      expect(notices(h)).toBe(1);
    }));
});

describe("triage's own", () => {
  it("budget, once used up, sends what is open to a person and starts nothing until tomorrow", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { session } = routed(h, { budgets: { triage_day: { tokens: 1_000 } } });
      ask(h, session, "first");
      h.settle();
      h.cost(triage(h), 1_200);
      decide(h, "guide");
      h.town.requestDone(triage(h), { summary: "done" });
      h.settle();
      expect(triage(h)).toBe("");
      ask(h, session, "second");
      h.settle();
      expect(triage(h)).toBe("");
      expect(h.town.escalations({ open: true })).toMatchObject([{ title: "second", severity: "high" }]);
      expect(h.town.escalations({ open: true })[0]?.body).toContain("1,200 of 1,000 tokens");
      // Nobody else is kept back by it.
      expect(atWork(h, "other").session).not.toBe("");
      h.advance(24 * 3_600_000);
      ask(h, h.session(h.bead("other").id), "third");
      h.settle();
      expect(triage(h)).not.toBe("");
    }));

  it("budget that is hard stops it at once, and a person is asked", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { session } = routed(h, { budgets: { triage_day: { tokens: 1_000, hard: true } } });
      ask(h, session);
      h.settle();
      h.cost(triage(h), 1_000);
      expect(triage(h)).toBe("");
      expect(h.session(h.bead("x").id)).toBe(session);
      expect(h.town.needsYou({}).items).toContainEqual(expect.objectContaining({ kind: "question" }));
      expect(h.town.checkInvariants()).toEqual([]);
    }));

  it("credential opens no repository: it looks at none", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { session } = routed(h);
      ask(h, session);
      h.settle();
      const claim = (id: string) => ({ session: { id, epoch: h.town.session(id).epoch }, rigId: h.rig });
      expect(() => h.town.tokenGrounds(claim(triage(h)))).toThrow(/its own rig/);
      expect(h.town.tokenGrounds(claim(session)).gitUrl).toBe("/repo/app.git");
    }));
});
