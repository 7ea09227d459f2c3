/**
 * A provider that never comes back (spec/runner.md §4): its sessions are evicted and nothing is counted, so
 * the failures are a person who never hears of it, one who hears of it once per session, and a question that
 * stays open when there is an answer.
 */
import { withSql } from "#host";
import type { Escalation, FailureReason } from "@gastown/protocol";
import { describe, expect, it } from "vitest";
import { harness, PERSON, type Harness } from "./harness.ts";

const MINUTE = 60_000;
const KEY = "kilo anthropic 1f";

const reason = (key = KEY): FailureReason => ({
  code: "model_unavailable",
  message: "The agent has waited for its model for 60 min: its model's provider says: out of credit.",
  until: 1_790_007_200_000,
  provider: { key, name: "anthropic" },
});

function working(h: Harness, title: string): string {
  h.auto.done = false;
  const bead = h.town.sling(h.rig, { title }, { held: false }, PERSON).id;
  h.settle();
  return h.session(bead);
}

/** Its runner has waited for an hour; what starts meanwhile is refused. */
function evict(h: Harness, sessionId: string, why = reason()): void {
  const { provider: _provider, ...refused } = why;
  h.on.start_session = () => ({ type: "refused", reason: refused });
  h.town.post({
    type: "session_ended",
    sessionId,
    ended: {
      epoch: h.town.session(sessionId).epoch,
      outcome: "evicted",
      reason: why,
      work_ref: null,
      usage: { tokens_in: 0, tokens_out: 0, usd: 0, usd_known: false },
    },
  });
  h.settle();
}

const open = (h: Harness): Escalation[] => h.town.escalations({ open: true });

describe("a provider that does not come back", () => {
  it("is told to a person once, in words to act on, however many sessions wait for it", () =>
    withSql((sql) => {
      const h = harness(sql);
      const sessions = ["a", "b"].map((title) => working(h, title));
      expect(open(h)).toEqual([]);
      for (const session of sessions) evict(h, session);
      h.advance(3 * MINUTE);
      expect(open(h)).toMatchObject([
        {
          category: "model_unavailable",
          severity: "high",
          title: "The model does not answer: anthropic",
          body: expect.stringMatching(
            /out of credit.*default_model=.*env\.<VARIABLE>.*scripted.*more credit/s,
          ),
        },
      ]);
      const { items } = h.town.needsYou({});
      expect(items).toMatchObject([
        {
          kind: "rig_or_runtime",
          question: "The model does not answer: anthropic",
          holdsUp: 2,
          primary: { operation: "config.update", args: { key: "default_model" } },
        },
      ]);
      for (const title of ["a", "b"])
        expect(h.bead(title)).toMatchObject({ status: "open", startFailures: 0, runFailures: 0 });
    }));

  it("is not told of while it is only waited for, nor where the runner is drained meanwhile", () =>
    withSql((sql) => {
      const h = harness(sql);
      const session = working(h, "a");
      h.agents.model = { until: h.now() + 90 * MINUTE, provider: "anthropic", message: "out of credit" };
      h.advance(59 * MINUTE);
      expect(open(h)).toEqual([]);
      evict(h, session, { code: "draining", message: "The runner goes." });
      h.advance(MINUTE);
      expect(open(h)).toEqual([]);
      expect(h.town.needsYou({}).items).toEqual([]);
    }));

  it("is another question with another key, and each is closed by its own answer", () =>
    withSql((sql) => {
      const h = harness(sql);
      const [a = "", b = "", c = ""] = ["a", "b", "c"].map((title) => working(h, title));
      const other = "kilo anthropic 2e";
      evict(h, a);
      evict(h, b, reason(other));
      expect(open(h)).toHaveLength(2);
      expect(h.town.session(c).state).toBe("running");
      h.agents.answered = ["kilo openai 9"];
      h.advance(MINUTE);
      expect(open(h)).toHaveLength(2);
      h.agents.answered = [KEY];
      h.advance(MINUTE);
      expect(open(h)).toHaveLength(1);
      h.agents.answered = [KEY, other];
      h.advance(MINUTE);
      expect(open(h)).toEqual([]);
      const closed = h.town.escalations({ open: false }).map(({ resolution }) => resolution?.choice);
      expect(closed).toEqual(["moot", "moot"]);
    }));

  it("that fails again after it had answered is told of again", () =>
    withSql((sql) => {
      const h = harness(sql);
      const [a = "", b = "", c = ""] = ["a", "b", "c"].map((title) => working(h, title));
      evict(h, a);
      h.agents.answered = [KEY];
      h.advance(MINUTE);
      expect(open(h)).toEqual([]);
      h.agents.answered = [];
      evict(h, b);
      expect(open(h)).toHaveLength(1);
      expect(h.town.session(c).state).toBe("running");
    }));

  it("is forgotten when the settings name another model, and not when they say something else", () =>
    withSql((sql) => {
      const h = harness(sql);
      evict(h, working(h, "a"));
      h.town.setConfig({ limits: { max_agents: 7 } }, PERSON);
      h.settle();
      expect(open(h)).toHaveLength(1);
      h.town.setConfig({ limits: { max_agents: 7 }, default_model: "openai/gpt" }, PERSON);
      h.settle();
      expect(open(h)).toEqual([]);
    }));

  it("is not told to the mayor, who would need it to listen", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.town.messageMayor("hello", PERSON);
      h.settle();
      const queued = h.town.mayorQueue().length;
      evict(h, working(h, "a"));
      h.advance(5 * MINUTE);
      expect(open(h)).toHaveLength(1);
      expect(h.town.mayorQueue()).toHaveLength(queued);
    }));
});

describe("a model that the agents of a role do not offer", () => {
  const missing: FailureReason = {
    code: "model_unavailable",
    message: '"kilo" does not offer the model acme/nine',
    action: "Choose another model in the settings.",
  };
  const starts = (h: Harness): number => h.carriedOut.filter(({ kind }) => kind === "start_session").length;

  it("is told to a person once, tried every ten minutes, and closed by the first that begins", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.auto.done = false;
      h.on.start_session = () => ({ type: "refused", reason: missing });
      for (const title of ["a", "b"]) h.town.sling(h.rig, { title }, { held: false }, PERSON);
      h.settle();
      expect(open(h)).toMatchObject([
        {
          category: "model_unavailable",
          title: "The polecat's agent does not have its model",
          body: expect.stringMatching(/acme\/nine.*role_models\.polecat=/s),
        },
      ]);
      h.advance(10 * MINUTE - 1);
      expect(starts(h)).toBe(2);
      delete h.on.start_session;
      h.advance(1);
      expect([starts(h), open(h)]).toEqual([4, []]);
      for (const title of ["a", "b"])
        expect(h.bead(title)).toMatchObject({ status: "in_progress", startFailures: 0 });
    }));

  it("of one rig is not taken for there because another rig's has begun", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.auto.done = false;
      const other = h.town.addRig({ name: "other", gitUrl: "https://github.com/acme/other.git" }, PERSON).id;
      h.town.setRigConfig(h.rig, { role_models: { polecat: "acme/nine" } }, PERSON);
      h.settle();
      h.on.start_session = ({ plan }) =>
        plan.rig?.id === h.rig ? { type: "refused", reason: missing } : { type: "done" };
      h.town.sling(h.rig, { title: "a" }, { held: false }, PERSON);
      h.settle();
      expect(open(h)).toHaveLength(1);
      h.town.sling(other, { title: "b" }, { held: false }, PERSON);
      h.settle();
      expect([h.bead("b").status, open(h).length]).toEqual(["in_progress", 1]);
    }));

  it("is tried at once with other settings", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.auto.done = false;
      h.on.start_session = () => ({ type: "refused", reason: missing });
      h.town.sling(h.rig, { title: "a" }, { held: false }, PERSON);
      h.settle();
      delete h.on.start_session;
      h.town.setConfig({ default_model: "openai/gpt" }, PERSON);
      h.settle();
      expect([h.bead("a").status, open(h)]).toEqual(["in_progress", []]);
    }));
});
