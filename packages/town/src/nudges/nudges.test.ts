/** Nudges: shown by exactly one session, or reported as not delivered (spec/town.md §6, invariant 15). */
import { withSql } from "#host";
import { describe, expect, it } from "vitest";
import { harness, PERSON, type Harness } from "../scenarios/harness.ts";

function working(h: Harness, title = "x") {
  h.auto.done = false;
  h.on.poke_session = () => ({ type: "done" });
  const bead = h.town.sling(h.rig, { title }, { held: false }, PERSON);
  h.settle();
  const session = h.town.session(h.session(bead.id));
  return { bead: bead.id, agent: session.agentName, session: session.id, epoch: session.epoch };
}

const texts = (nudges: { text: string }[]): string[] => nudges.map(({ text }) => text);
const states = (sql: Parameters<typeof harness>[0]): string[] =>
  sql.all<{ state: string }>("select state from nudges order by seq").map(({ state }) => state);

describe("nudges", () => {
  it("come urgent ones first, then in order; a busy session gets only what interrupts", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { agent, session, epoch } = working(h);
      h.town.nudgeAgent(agent, { message: "one" }, PERSON);
      h.town.nudgeAgent(agent, { message: "two", mode: "now" }, PERSON);
      h.town.nudgeAgent(agent, { message: "three", urgent: true }, PERSON);
      h.settle();
      expect(h.carriedOut.filter(({ kind }) => kind === "poke_session")).toHaveLength(3);
      expect(texts(h.town.claimNudges(session, epoch, "busy"))).toEqual(["two"]);
      expect(texts(h.town.claimNudges(session, epoch, "idle"))).toEqual(["three", "one", "two"]);
    }));

  it("are shown again only where the acknowledgement did not arrive", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { agent, session, epoch } = working(h);
      h.town.nudgeAgent(agent, { message: "one" }, PERSON);
      const [first] = h.town.claimNudges(session, epoch, "idle");
      expect(h.town.claimNudges(session, epoch, "idle")).toEqual([first]);
      h.town.acknowledgeNudge(session, epoch, first?.nudge_id ?? "", true);
      h.town.acknowledgeNudge(session, epoch, first?.nudge_id ?? "", true);
      expect(h.town.claimNudges(session, epoch, "idle")).toEqual([]);
      expect(h.town.feed({ limit: 9, kind: "nudge.delivered" })).toHaveLength(1);
      expect(h.town.nudges()).toEqual([]);
    }));

  it("that could not be shown wait again", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { agent, session, epoch } = working(h);
      h.town.nudgeAgent(agent, { message: "one", mode: "now" }, PERSON);
      const [first] = h.town.claimNudges(session, epoch, "busy");
      h.town.acknowledgeNudge(session, epoch, first?.nudge_id ?? "", false);
      expect(h.town.nudges(agent)).toMatchObject([{ state: "pending", message: "one" }]);
    }));

  it("expire at their time: not a millisecond earlier", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { agent, session, epoch } = working(h);
      h.town.nudgeAgent(agent, { message: "short", mode: "now", ttlSeconds: 10 }, PERSON);
      h.advance(9_999);
      expect(h.town.nudges()).toHaveLength(1);
      h.advance(1);
      expect(h.town.nudges()).toEqual([]);
      expect(h.town.claimNudges(session, epoch, "busy")).toEqual([]);
      expect(h.town.feed({ limit: 9, kind: "nudge.expired" })).toHaveLength(1);
    }));

  it("end with their session, and the sender can see it; a queued one waits for the next", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { agent, bead, session, epoch } = working(h);
      h.town.nudgeAgent(agent, { message: "too late" }, PERSON);
      h.town.nudgeAgent(agent, { message: "next time", mode: "queue" }, PERSON);
      h.town.claimNudges(session, epoch, "idle");
      h.town.stopSession(session, "now", "", PERSON);
      h.settle();
      expect(states(sql)).toEqual(["expired", "pending"]);
      const next = h.town.session(h.session(bead));
      expect(next.agentName).toBe(agent);
      expect(texts(h.town.claimNudges(next.id, next.epoch, "idle"))).toEqual(["next time"]);
      expect(() => h.town.claimNudges(session, epoch, "idle")).toThrow(/over/);
    }));

  it("are told to the runner in a heartbeat, so that a lost wake-up is made good", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { agent, session, epoch } = working(h);
      h.town.nudgeAgent(agent, { message: "one" }, PERSON);
      const answer = h.town.heartbeat(h.town.runnerEpoch(), {
        instance_id: "run_00000000000000000000000001",
        draining: false,
        sessions: [
          {
            session_id: session,
            epoch,
            state: "busy",
            last_event_at: null,
            active_tools: [],
            prompted: true,
            usage: { tokens_in: 0, tokens_out: 0, usd: 0, usd_known: false },
          },
        ],
      });
      expect(answer.sessions).toEqual([{ session_id: session, verdict: "ok", nudges: 1 }]);
    }));

  it("need somebody who is there", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { agent, session } = working(h);
      h.town.stopSession(session, "now", "", PERSON);
      expect(() => h.town.nudgeAgent(agent, { message: "one" }, PERSON)).toThrow(/mail/);
      expect(() => h.town.nudgeAgent("Nobody", { message: "one" }, PERSON)).toThrow(/no agent/);
    }));

  it("can be taken back until they are delivered", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { agent, session, epoch } = working(h);
      const one = h.town.nudgeAgent(agent, { message: "one" }, PERSON);
      expect(h.town.deleteNudge(one.id, PERSON)).toMatchObject({ state: "expired" });
      const two = h.town.nudgeAgent(agent, { message: "two" }, PERSON);
      h.town.claimNudges(session, epoch, "idle");
      h.town.acknowledgeNudge(session, epoch, two.id, true);
      expect(() => h.town.deleteNudge(two.id, PERSON)).toThrow(/delivered already/);
    }));
});
