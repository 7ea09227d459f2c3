/** Leases, the three answers to a start, fencing and attempts (spec/town.md §2, §5), to the millisecond. */
import { withSql } from "#host";
import type { SessionEnded } from "@gastown/protocol";
import { describe, expect, it } from "vitest";
import { harness, PERSON, UNKNOWN_THERE, type Harness } from "./harness.ts";

const MINUTE = 60_000;
const NO_USAGE = { tokens_in: 0, tokens_out: 0, usd: 0, usd_known: false };

function working(h: Harness, title = "Add x") {
  h.auto.done = false;
  const bead = h.town.sling(h.rig, { title }, { held: false }, PERSON);
  h.settle();
  return { bead, session: h.town.session(h.session(bead.id)) };
}

function end(
  h: Harness,
  sessionId: string,
  outcome: SessionEnded["outcome"],
  workRef: string | null = null,
): void {
  const { epoch } = h.town.session(sessionId);
  h.town.post({
    type: "session_ended",
    sessionId,
    ended: {
      epoch,
      outcome,
      reason: { code: "test", message: "because" },
      work_ref: workRef,
      usage: NO_USAGE,
    },
  });
  h.settle();
}

function thrownCode(fn: () => unknown): unknown {
  try {
    fn();
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
  return "nothing thrown";
}

describe("a lease", () => {
  it("holds for 89.999 s without a sign of life and is lost at 90 s where its runner does not know it", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { bead, session } = working(h);
      h.on.check_session = () => UNKNOWN_THERE;
      h.auto.heartbeat = false;
      h.advance(89_999);
      expect(h.town.session(session.id).state).toBe("running");
      h.advance(1);
      expect(h.town.session(session.id)).toMatchObject({ state: "ended", outcome: "lost" });
      expect(h.town.bead(bead.id)).toMatchObject({
        status: "open",
        runFailures: 1,
        waitingOn: { code: "cooldown" },
      });
    }));

  it("is renewed by heartbeats for as long as they come", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { session } = working(h);
      h.advance(60 * MINUTE);
      expect(h.town.session(session.id).state).toBe("running");
    }));

  it("begins anew when the machine slept", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { session } = working(h);
      h.restart();
      h.auto.heartbeat = false;
      h.advance(89_000);
      expect(h.town.session(session.id).state).toBe("running");
    }));
});

describe("a start", () => {
  it("that is refused ends its session at once and rests 30 s", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.on.start_session = () => ({
        type: "refused",
        reason: { code: "tools_missing", phase: "tools", message: "no tools", action: "look" },
      });
      const bead = h.town.sling(h.rig, { title: "x" }, { held: false }, PERSON);
      h.settle();
      expect(h.town.bead(bead.id)).toMatchObject({ status: "open", startFailures: 1, runFailures: 0 });
      h.advance(29_999);
      expect(h.town.bead(bead.id).startFailures).toBe(1);
      h.advance(1);
      expect(h.town.bead(bead.id).startFailures).toBe(2);
      expect(h.town.feed({ limit: 50, kind: "agent.dispatch_failed" })).toHaveLength(2);
    }));

  it("without an answer leaves the session alone, which goes on with its first heartbeat", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.auto.done = false;
      h.on.start_session = () => "lost";
      const bead = h.town.sling(h.rig, { title: "x" }, { held: false }, PERSON);
      h.settle();
      const session = h.town.session(h.session(bead.id));
      expect(session.state).toBe("starting");
      h.advance(31_000);
      h.town.heartbeat(h.town.runnerEpoch(), {
        instance_id: "run_00000000000000000000000001",
        draining: false,
        sessions: [
          {
            session_id: session.id,
            epoch: session.epoch,
            state: "busy",
            last_event_at: null,
            active_tools: [],
            prompted: true,
            usage: NO_USAGE,
          },
        ],
      });
      expect(h.town.session(session.id).state).toBe("running");
      h.advance(80_000);
      expect(h.town.bead(bead.id)).toMatchObject({ status: "in_progress", startFailures: 0 });
    }));

  it("that nobody ever answers is lost 90 s after it began and counts as a failed start", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.on.start_session = () => ({ type: "retry", message: "timeout", counted: true });
      const bead = h.town.sling(h.rig, { title: "x" }, { held: false }, PERSON);
      h.advance(89_999);
      expect(h.town.bead(bead.id).status).toBe("in_progress");
      const tries = h.carriedOut.filter((request) => request.kind === "start_session");
      expect(new Set(tries.map((request) => request.plan.session_id)).size).toBe(1);
      h.advance(1);
      expect(h.town.bead(bead.id)).toMatchObject({ status: "open", startFailures: 1 });
    }));

  it("fails the bead after five refusals, with an escalation, and a retry counts anew", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.on.start_session = () => ({
        type: "refused",
        reason: { code: "tools_missing", message: "no tools" },
      });
      const bead = h.town.sling(h.rig, { title: "x" }, { held: false }, PERSON);
      h.advance(60 * MINUTE);
      expect(h.town.bead(bead.id)).toMatchObject({
        status: "failed",
        reason: "attempts_exhausted",
        startFailures: 5,
      });
      expect(h.town.escalations({ open: true })).toHaveLength(1);
      delete h.on.start_session;
      h.town.retryBead(bead.id, { fresh: false, note: "" }, PERSON);
      h.settle();
      expect(h.town.bead(bead.id)).toMatchObject({ status: "closed", reason: "merged" });
      expect(h.town.escalations({ open: true })).toEqual([]);
    }));

  it("that fails for a cause all beads share breaks the rig, not the bead", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.on.start_session = () => ({
        type: "refused",
        reason: {
          code: "runtime_missing",
          phase: "process",
          message: "kilo is not installed.",
          action: "Install it.",
        },
      });
      const bead = h.town.sling(h.rig, { title: "x" }, { held: false }, PERSON);
      h.settle();
      expect(h.town.bead(bead.id)).toMatchObject({
        status: "open",
        startFailures: 0,
        waitingOn: { code: "runner_unavailable" },
      });
      expect(h.town.rig(h.rig)).toMatchObject({
        state: "broken",
        stateReason: "kilo is not installed. Install it.",
      });
      delete h.on.start_session;
      h.advance(MINUTE);
      expect(h.town.bead(bead.id).status).toBe("closed");
    }));
});

describe("fencing", () => {
  it("refuses every call of a session that has ended, and changes nothing", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { bead, session } = working(h);
      end(h, session.id, "failed");
      const before = h.town.newestSeq();
      const claims = { sessionId: session.id, epoch: session.epoch, agentId: session.agentId };
      expect(thrownCode(() => h.town.authorizeSession(claims))).toBe("session_fenced");
      expect(thrownCode(() => h.town.setStatusText(session.id, "still here"))).toBe("session_fenced");
      expect(h.town.requestDone(session.id, { summary: "late" })).toMatchObject({
        type: "recorded",
        outcome: "failed",
      });
      expect(h.town.newestSeq()).toBe(before);
      expect(h.town.bead(bead.id).runFailures).toBe(1);
    }));

  it("refuses the old epoch after a newer runner registered", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { session } = working(h);
      const oldRunner = h.town.runnerEpoch();
      const registered = h.town.registerRunner("run_00000000000000000000000002");
      expect(registered.desired).toMatchObject([{ session_id: session.id, resume: true }]);
      const claims = { sessionId: session.id, epoch: session.epoch, agentId: session.agentId };
      expect(thrownCode(() => h.town.authorizeSession(claims))).toBe("session_fenced");
      const beat = { instance_id: "run_00000000000000000000000001", draining: false, sessions: [] };
      expect(thrownCode(() => h.town.heartbeat(oldRunner, beat))).toBe("runner_fenced");
    }));

  it("ignores a settle result of another settle, and one that comes twice", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { bead, session } = working(h);
      h.on.settle_session = () => ({ type: "accepted" });
      const done = h.town.requestDone(session.id, { summary: "did it" });
      h.settle();
      const result = {
        epoch: session.epoch,
        settle_id: "settle_00000000000000000000000000",
        result: "pushed" as const,
        branch: session.branch,
        base_sha: null,
        head_sha: h.sha(),
        commits: 1,
        additions: 1,
        deletions: 0,
        committed_dirty: false,
        error: null,
      };
      h.town.post({ type: "session_settled", sessionId: session.id, result });
      h.settle();
      expect(h.town.bead(bead.id).status).toBe("in_progress");
      const settleId = done.type === "settling" ? done.settleId : "";
      for (let i = 0; i < 2; i++)
        h.town.post({
          type: "session_settled",
          sessionId: session.id,
          result: { ...result, settle_id: settleId },
        });
      h.auto.verdict = false;
      h.settle();
      expect(h.town.bead(bead.id).status).toBe("in_review");
      expect(h.town.merges({})).toHaveLength(1);
      expect(h.town.settleState(session.id, settleId)).toMatchObject({
        type: "submitted",
        headSha: result.head_sha,
      });
    }));
});

describe("a hand-in that its runner never answers", () => {
  it("ends the session after ten minutes, and not before", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { bead, session } = working(h);
      h.on.settle_session = () => ({ type: "accepted" });
      h.town.requestDone(session.id, { summary: "did it" });
      h.advance(600_000 - 1);
      expect(h.town.session(session.id).state).toBe("settling");
      h.auto.done = false;
      h.advance(1);
      expect(h.town.session(session.id)).toMatchObject({
        state: "ended",
        outcome: "lost",
        reason: { message: "its work could not be settled within 10 min" },
      });
      expect(h.town.bead(bead.id)).toMatchObject({ status: "open", runFailures: 1 });
    }));
});

describe("a runner that has work and is not heard of", () => {
  it("is looked after when its heartbeat is 45 s late, and then as often", () =>
    withSql((sql) => {
      const h = harness(sql);
      working(h);
      h.advance(30_000);
      h.auto.heartbeat = false;
      const asked = (): number => h.carriedOut.filter(({ kind }) => kind === "ensure_runner").length;
      const before = asked();
      h.advance(45_000 - 1);
      expect(asked()).toBe(before);
      h.advance(1);
      expect(asked()).toBe(before + 1);
      h.advance(45_000 - 1);
      expect(asked()).toBe(before + 1);
      h.advance(1);
      expect(asked()).toBe(before + 2);
    }));
});

describe("attempts", () => {
  it("begin from the saved work and are told what came before", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { bead, session } = working(h);
      h.town.setStatusText(session.id, "half way");
      h.town.checkpoint(session.id, { step: 2 });
      end(h, session.id, "failed", `refs/gastown/wip/${session.id}`);
      h.advance(30_000);
      const start = h.carriedOut.findLast((request) => request.kind === "start_session");
      expect(start).toMatchObject({
        plan: {
          start_point: `refs/gastown/wip/${session.id}`,
          prime: { attempts: [{ outcome: "failed", status: "half way", checkpoint: { step: 2 } }] },
        },
      });
      expect(start?.plan.branch).toMatch(/-2$/);
      expect(h.town.bead(bead.id).status).toBe("in_progress");
    }));

  it("does not count what a person stopped", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { bead, session } = working(h);
      h.town.stopSession(session.id, "now", "not now", PERSON);
      h.settle();
      expect(h.town.session(session.id)).toMatchObject({ state: "ended", outcome: "stopped" });
      expect(h.town.bead(bead.id)).toMatchObject({ runFailures: 0, startFailures: 0 });
    }));

  it("fences the outcome calls of a session that was asked to stop", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { session } = working(h);
      h.on.stop_session = () => ({ type: "done" });
      h.town.stopSession(session.id, "graceful", "", PERSON);
      h.settle();
      expect(thrownCode(() => h.town.requestDone(session.id, { summary: "late" }))).toBe("session_fenced");
      expect(h.town.session(session.id).state).toBe("running");
      h.advance(11 * MINUTE);
      expect(h.town.session(session.id)).toMatchObject({ state: "ended", outcome: "stopped" });
    }));

  it("hold the bead when the agent asked a question and stopped, until it is answered", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { bead, session } = working(h);
      const question = h.town.escalate(session.id, { title: "Which one?" });
      end(h, session.id, "completed");
      expect(h.town.bead(bead.id)).toMatchObject({ held: true, reason: "question", runFailures: 0 });
      h.town.resolveEscalation(question.id, { answer: "the blue one" }, PERSON);
      h.settle();
      const start = h.carriedOut.findLast((request) => request.kind === "start_session");
      expect(start?.plan.prime.bead?.body).toContain("the blue one");
    }));

  it("says nothing to submit without losing the session", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { bead, session } = working(h);
      h.on.settle_session = (request) => {
        h.town.post({
          type: "session_settled",
          sessionId: request.sessionId,
          result: {
            epoch: request.body.epoch,
            settle_id: request.body.settle_id,
            result: "nothing_to_push",
            branch: null,
            base_sha: null,
            head_sha: null,
            commits: 0,
            additions: 0,
            deletions: 0,
            committed_dirty: false,
            error: null,
          },
        });
        return { type: "accepted" };
      };
      const done = h.town.requestDone(session.id, { summary: "did it" });
      h.settle();
      expect(done.type === "settling" && h.town.settleState(session.id, done.settleId)).toMatchObject({
        type: "refused",
        code: "nothing_to_submit",
      });
      expect(h.town.session(session.id).state).toBe("running");
      expect(h.town.bead(bead.id).status).toBe("in_progress");
    }));
});
