/**
 * The three answers to a start and the lease that decides the third (spec/town.md §5), to the
 * millisecond. The failures: a session that is taken for idle because a call threw, one that is started
 * twice, one that nobody ever ends, a failed start that nobody can explain.
 */
import { withSql } from "#host";
import type { FailureReason, HeartbeatSession } from "@gastown/protocol";
import { describe, expect, it } from "vitest";
import { harness, PERSON, UNKNOWN_THERE, type Harness } from "./harness.ts";

const RUNNER = "run_00000000000000000000000001";
const NO_USAGE = { tokens_in: 0, tokens_out: 0, usd: 0, usd_known: false };

/** A bead whose start is under way at once. */
function slung(h: Harness): { bead: string; session: string } {
  h.auto.done = false;
  h.auto.heartbeat = false;
  const bead = h.town.sling(h.rig, { title: "x" }, { held: false }, PERSON);
  h.settle();
  return { bead: bead.id, session: h.session(bead.id) };
}

function beat(h: Harness, session: string, state: HeartbeatSession["state"], prompted: boolean) {
  const { epoch } = h.town.session(session);
  const line = { session_id: session, epoch, state, last_event_at: null, active_tools: [], prompted };
  const sessions = [{ ...line, usage: NO_USAGE }];
  return h.town.heartbeat(h.town.runnerEpoch(), { instance_id: RUNNER, draining: false, sessions });
}

const starts = (h: Harness) => h.carriedOut.filter(({ kind }) => kind === "start_session");
const checks = (h: Harness) => h.carriedOut.filter(({ kind }) => kind === "check_session");

describe("a start that nobody answers", () => {
  it("is sent again for 60 s and never after, and its lease ends it at 90 s: 89.999 not yet, 90.001 over", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.on.start_session = () => "lost";
      const { bead, session } = slung(h);
      expect(starts(h)).toHaveLength(1);
      h.advance(35_000);
      expect(starts(h)).toHaveLength(2);
      h.advance(54_999);
      expect(h.town.session(session).state).toBe("starting");
      expect(starts(h)).toHaveLength(2);
      h.advance(2);
      expect(h.town.session(session)).toMatchObject({ state: "ended", outcome: "lost" });
      expect(h.town.bead(bead)).toMatchObject({ status: "open", startFailures: 1, runFailures: 0 });
      expect(h.town.feed({ limit: 5, kind: "agent.dispatch_failed" })).toMatchObject([
        { beadId: bead, sessionId: session, data: { code: "lease_expired" } },
      ]);
      // Its agent, should it have begun after all, may do nothing more.
      expect(beat(h, session, "busy", true).sessions).toMatchObject([{ verdict: "fenced" }]);
      expect(checks(h)).toEqual([]);
    }));

  it("that had arrived goes on: a heartbeat 89.999 s after it is in time", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.on.start_session = () => "lost";
      const { bead, session } = slung(h);
      h.advance(89_999);
      expect(beat(h, session, "opening", false).sessions).toMatchObject([{ verdict: "ok" }]);
      h.advance(89_999);
      expect(h.town.session(session).state).toBe("starting");
      expect(beat(h, session, "busy", true).sessions).toMatchObject([{ verdict: "ok" }]);
      expect(h.town.session(session).state).toBe("running");
      expect(h.town.bead(bead)).toMatchObject({ status: "in_progress", startFailures: 0 });
      expect(h.town.sessions({ beadId: bead })).toHaveLength(1);
    }));

  it("that shows life once and no more is lost 90.001 s after that", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.on.start_session = () => "lost";
      const { bead, session } = slung(h);
      h.advance(50_000);
      beat(h, session, "provisioning", false);
      h.advance(89_999);
      expect(h.town.session(session).state).toBe("starting");
      h.advance(2);
      expect(h.town.session(session)).toMatchObject({ state: "ended", outcome: "lost" });
      expect(h.town.bead(bead)).toMatchObject({ startFailures: 1 });
    }));
});

describe("a running session of which nothing is heard", () => {
  it("is asked for once at 90 s, and goes on where its runner has it", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { bead, session } = slung(h);
      h.advance(89_999);
      expect(checks(h)).toEqual([]);
      h.advance(2);
      expect(checks(h)).toMatchObject([{ sessionId: session }]);
      h.advance(89_000);
      expect(checks(h)).toHaveLength(1);
      expect(h.town.session(session).state).toBe("running");
      expect(h.town.bead(bead)).toMatchObject({ status: "in_progress", runFailures: 0 });
    }));

  it("is lost at once where its runner does not know it", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { bead, session } = slung(h);
      h.on.check_session = () => UNKNOWN_THERE;
      h.advance(89_999);
      expect(h.town.session(session).state).toBe("running");
      h.advance(2);
      expect(h.town.session(session)).toMatchObject({
        state: "ended",
        outcome: "lost",
        reason: { code: "session_unknown" },
      });
      expect(h.town.bead(bead)).toMatchObject({ status: "open", startFailures: 0, runFailures: 1 });
    }));

  it.each([
    ["is not there", { type: "retry", message: "nobody listens", counted: false }] as const,
    ["never answers", "lost"] as const,
  ])("is lost after another 30 s where its runner %s", (_how, answer) =>
    withSql((sql) => {
      const h = harness(sql);
      const { bead, session } = slung(h);
      h.on.check_session = () => answer;
      h.advance(119_999);
      expect(h.town.session(session).state).toBe("running");
      h.advance(2);
      expect(h.town.session(session)).toMatchObject({ state: "ended", reason: { code: "lease_expired" } });
      expect(h.town.bead(bead)).toMatchObject({ status: "open", startFailures: 0, runFailures: 1 });
    }),
  );

  it("is not lost when it is heard of while its runner is asked", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { session } = slung(h);
      h.on.check_session = () => ({ type: "retry", message: "nobody listens", counted: false });
      h.advance(119_999);
      expect(beat(h, session, "busy", true).sessions).toMatchObject([{ verdict: "ok" }]);
      h.advance(80_000);
      expect(h.town.session(session).state).toBe("running");
    }));
});

describe("a start that was refused", () => {
  const reason: FailureReason = {
    code: "tools_missing",
    phase: "tools",
    message: "The agent did not list its tools.",
    action: "Check that it can reach the server.",
    stderr_tail: "cannot connect",
  };

  it("says why, where and what to do in its event and on its session, and is tried again after its rest", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.on.start_session = () => ({ type: "refused", reason });
      h.auto.done = false;
      const bead = h.town.sling(h.rig, { title: "x" }, { held: false }, PERSON);
      h.settle();
      const [event] = h.town.feed({ limit: 5, kind: "agent.dispatch_failed" });
      const told = { code: "tools_missing", phase: "tools", message: reason.message, action: reason.action };
      expect(event).toMatchObject({ beadId: bead.id, data: { ...told, stderrTail: "cannot connect" } });
      const [session] = h.town.sessions({ beadId: bead.id });
      expect(session?.reason).toEqual({ ...told, stderrTail: "cannot connect" });
      expect(h.town.bead(bead.id)).toMatchObject({ status: "open", startFailures: 1 });
      delete h.on.start_session;
      h.advance(29_999);
      expect(starts(h)).toHaveLength(1);
      h.advance(2);
      expect(starts(h)).toHaveLength(2);
      expect(h.town.bead(bead.id)).toMatchObject({ status: "in_progress" });
    }));

  it.each(["draining", "at_capacity", "model_unavailable", "work_unsaved"])("as %s counts nowhere", (code) =>
    withSql((sql) => {
      const h = harness(sql);
      h.on.start_session = () => ({ type: "refused", reason: { code, message: "not now" } });
      h.auto.done = false;
      const bead = h.town.sling(h.rig, { title: "x" }, { held: false }, PERSON);
      h.advance(10 * 60_000);
      expect(h.town.bead(bead.id)).toMatchObject({ status: "open", startFailures: 0, runFailures: 0 });
    }),
  );
});
