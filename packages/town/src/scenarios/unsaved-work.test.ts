/**
 * A start in a directory whose last session left work that no remote has yet (spec/runner.md §5). The failures:
 * a bead that spends its attempts on it or waits without anybody knowing why, work that is saved later and is
 * not where the next attempt begins, a remote that takes no push for hours and a person who never hears of it.
 */
import { withSql } from "#host";
import type { FailureReason } from "@gastown/protocol";
import { describe, expect, it } from "vitest";
import { harness, PERSON, type Harness } from "./harness.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const NO_USAGE = { tokens_in: 0, tokens_out: 0, usd: 0, usd_known: false };

function sling(h: Harness, title: string): string {
  h.auto.done = false;
  const bead = h.town.sling(h.rig, { title }, { held: false }, PERSON).id;
  h.settle();
  return bead;
}

function ended(h: Harness, session: string, work_ref: string | null): void {
  const { epoch } = h.town.session(session);
  const reason = { code: "agent_exited", message: "It died." };
  h.town.post({
    type: "session_ended",
    sessionId: session,
    ended: { epoch, outcome: "failed", reason, work_ref, usage: NO_USAGE },
  });
  h.settle();
}

/** Its runner refuses every start in that agent's directory, and tries to save again every so often. */
function refuseIn(h: Harness, agentId: string, everyMs: number): void {
  h.on.start_session = ({ plan }) => {
    if (plan.agent.id !== agentId) return { type: "done" };
    const reason: FailureReason = {
      code: "work_unsaved",
      phase: "worktree",
      message:
        "The work of session x in this directory is not saved yet. Unfinished work could not be saved: away",
      action: "Make the remote reachable for pushes.",
      until: h.now() + everyMs,
    };
    return { type: "refused", reason };
  };
}

/** A bead whose session died, its work being on its runner's disk only. */
function left(h: Harness, everyMs = 2 * MINUTE): { bead: string; session: string; agent: string } {
  const bead = sling(h, "x");
  const session = h.session(bead);
  const agent = h.town.session(session).agentId;
  refuseIn(h, agent, everyMs);
  ended(h, session, null);
  return { bead, session, agent };
}

const starts = (h: Harness) =>
  h.carriedOut.flatMap((request) => (request.kind === "start_session" ? [request.plan] : []));
const asked = (h: Harness) =>
  h.town.escalations({ open: true }).filter(({ category }) => category === "work_unsaved");

describe("a bead whose own work is not saved yet", () => {
  it("waits for that, spends no attempt on it, and says why", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { bead } = left(h);
      h.advance(40 * SECOND);
      expect(starts(h)).toHaveLength(2);
      expect(h.town.bead(bead)).toMatchObject({
        status: "open",
        runFailures: 1,
        startFailures: 0,
        waitingOn: {
          code: "cooldown",
          message: expect.stringContaining(
            "waits to be started: The work of session x in this directory is not saved",
          ),
        },
      });
      expect(JSON.stringify(h.town.why(bead))).toContain("is not saved yet");
      // As long as its runner waits itself.
      h.advance(100 * SECOND);
      expect(starts(h)).toHaveLength(2);
      h.advance(30 * SECOND);
      expect(starts(h)).toHaveLength(3);
      expect(h.town.bead(bead)).toMatchObject({ status: "open", startFailures: 0 });
    }));

  it("goes on from it at once when its runner says where it is", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { bead, session } = left(h, 10 * MINUTE);
      h.advance(40 * SECOND);
      delete h.on.start_session;
      const ref = `refs/gastown/wip/${session}`;
      ended(h, session, ref);
      expect(starts(h)).toHaveLength(3);
      expect(starts(h).at(-1)?.start_point).toBe(ref);
      expect(h.town.prime(h.session(bead)).attempts).toMatchObject([{ outcome: "failed", work_ref: ref }]);
      expect(h.town.feed({ limit: 5, kind: "session.work_saved" })).toMatchObject([
        { beadId: bead, sessionId: session, data: { ref } },
      ]);
    }));
});

describe("a mayor whose checkouts hold work that is not saved", () => {
  it("rests, and begins as soon as its runner says where the work is", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.town.messageMayor({ message: "hello" }, PERSON);
      h.settle();
      const [mayor] = h.town.sessions({ live: true });
      refuseIn(h, mayor?.agentId ?? "", 10 * MINUTE);
      ended(h, mayor?.id ?? "", null);
      h.town.messageMayor({ message: "are you there?" }, PERSON);
      h.advance(MINUTE);
      expect(starts(h)).toHaveLength(2);
      delete h.on.start_session;
      h.advance(5 * MINUTE);
      expect(starts(h)).toHaveLength(2);
      ended(h, mayor?.id ?? "", `refs/gastown/wip/${mayor?.id}`);
      expect(starts(h)).toHaveLength(3);
      expect(h.town.sessions({ live: true })).toMatchObject([{ role: "mayor", state: "running" }]);
    }));
});

describe("a review in a directory with work that is not saved", () => {
  it("goes on at once when it is", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.auto.verdict = false;
      const first = h.town.sling(h.rig, { title: "x" }, { held: false }, PERSON).id;
      h.settle();
      const [review] = h.town.sessions({ live: true }).filter(({ role }) => role === "refinery");
      refuseIn(h, review?.agentId ?? "", 10 * MINUTE);
      ended(h, review?.id ?? "", null);
      h.advance(MINUTE);
      const before = starts(h).length;
      expect(h.town.why(first).sentence).toContain("is not saved yet");
      delete h.on.start_session;
      h.advance(5 * MINUTE);
      expect(starts(h)).toHaveLength(before);
      ended(h, review?.id ?? "", `refs/gastown/wip/${review?.id}`);
      expect(starts(h)).toHaveLength(before + 1);
    }));
});

describe("another bead that was given that directory", () => {
  it("goes on in another one", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { agent } = left(h, 10 * MINUTE);
      const other = sling(h, "other");
      expect(h.town.bead(other)).toMatchObject({ status: "open", startFailures: 0 });
      h.advance(40 * SECOND);
      expect(h.town.bead(other)).toMatchObject({ status: "in_progress" });
      expect(h.town.session(h.session(other)).agentId).not.toBe(agent);
    }));
});

describe("a remote that takes no push for long", () => {
  it("is told to a person after half an hour, once, until the work is saved", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { session } = left(h);
      h.advance(29 * MINUTE);
      expect(asked(h)).toEqual([]);
      h.advance(90 * MINUTE);
      expect(asked(h)).toMatchObject([
        { severity: "high", title: "Unfinished work cannot be saved: its remote takes no push" },
      ]);
      delete h.on.start_session;
      ended(h, session, `refs/gastown/wip/${session}`);
      expect(asked(h)).toEqual([]);
    }));

  it("is forgotten as soon as a session has begun in that directory", () =>
    withSql((sql) => {
      const h = harness(sql);
      left(h);
      h.advance(60 * MINUTE);
      expect(asked(h)).toHaveLength(1);
      delete h.on.start_session;
      h.advance(3 * MINUTE);
      expect(asked(h)).toEqual([]);
    }));
});
