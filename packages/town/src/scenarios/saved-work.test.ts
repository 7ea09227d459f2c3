/**
 * What a runner that is gone with its disk has left (spec/runner.md §2, §5): the head that a settle had
 * named, and the work that was saved on the way. The failures: it is forgotten, or believed too long.
 */
import { withSql } from "#host";
import { describe, expect, it } from "vitest";
import { harness, PERSON, type Harness } from "./harness.ts";

const NEXT = "run_00000000000000000000000002";
const HEAD = "a".repeat(40);
const NO_USAGE = { tokens_in: 0, tokens_out: 0, usd: 0, usd_known: false };

function working(h: Harness): { bead: string; session: string } {
  h.auto.done = false;
  const bead = h.town.sling(h.rig, { title: "x" }, { held: false }, PERSON).id;
  h.settle();
  return { bead, session: h.session(bead) };
}

function saved(h: Harness, session: string, epoch = h.town.session(session).epoch): string {
  const work_ref = `refs/gastown/wip/${session}`;
  h.town.post({ type: "session_saved", sessionId: session, saved: { epoch, work_ref } });
  h.settle();
  return work_ref;
}

const resumed = (h: Harness, session: string) =>
  h.town.registerRunner(NEXT).desired.find(({ session_id }) => session_id === session);

describe("a session that was settling", () => {
  it("is handed to the next runner with the settle and the head that it had named", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { session } = working(h);
      expect(h.town.launchPlan(session)?.settling).toBeNull();
      h.on.settle_session = () => ({ type: "accepted", headSha: HEAD });
      const done = h.town.requestDone(session, { summary: "did it" });
      const settle_id = done.type === "settling" ? done.settleId : "";
      expect(h.town.launchPlan(session)?.settling).toEqual({ settle_id, head_sha: null });
      h.settle();
      expect(resumed(h, session)?.settling).toEqual({ settle_id, head_sha: HEAD });
    }));

  it("names no head of an earlier settle", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { session } = working(h);
      h.on.settle_session = () => ({ type: "accepted", headSha: HEAD });
      const first = h.town.requestDone(session, { summary: "did it" });
      h.settle();
      const settle_id = first.type === "settling" ? first.settleId : "";
      h.town.post({
        type: "session_settled",
        sessionId: session,
        result: {
          epoch: h.town.session(session).epoch,
          settle_id,
          result: "branch_moved",
          branch: "b",
          base_sha: null,
          head_sha: HEAD,
          commits: 0,
          additions: 0,
          deletions: 0,
          committed_dirty: false,
          error: null,
        },
      });
      h.settle();
      expect(h.town.launchPlan(session)?.settling).toBeNull();
      h.town.requestDone(session, { summary: "again" });
      expect(h.town.launchPlan(session)?.settling).toMatchObject({ head_sha: null });
    }));

  it("that is lost with its worktree is tried again, and counted as a run that failed", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { bead, session } = working(h);
      h.on.settle_session = () => ({ type: "accepted", headSha: HEAD });
      h.town.requestDone(session, { summary: "did it" });
      h.settle();
      const { epoch } = resumed(h, session) ?? { epoch: 0 };
      const reason = { code: "worktree_lost", message: "gone" };
      const ended = { epoch, outcome: "lost" as const, reason, work_ref: null, usage: NO_USAGE };
      h.town.post({ type: "session_ended", sessionId: session, ended });
      h.settle();
      expect(h.town.session(session)).toMatchObject({ state: "ended", outcome: "lost" });
      expect(h.town.bead(bead)).toMatchObject({ status: "open", runFailures: 1, startFailures: 0 });
    }));
});

describe("work that was saved on the way", () => {
  it("is where the session goes on in a runner with an empty disk", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { session } = working(h);
      const before = h.town.launchPlan(session)?.start_point;
      const ref = saved(h, session);
      expect(before).not.toBe(ref);
      expect(resumed(h, session)?.start_point).toBe(ref);
    }));

  it("is where the next attempt begins when the session is lost with its runner", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { session } = working(h);
      const ref = saved(h, session);
      h.auto.heartbeat = false;
      h.on.check_session = () => ({ type: "refused", reason: { code: "not_found", message: "unknown" } });
      h.advance(10 * 60_000);
      expect(h.town.session(session)).toMatchObject({ outcome: "lost" });
      const starts = h.carriedOut.flatMap((request) =>
        request.kind === "start_session" ? [request.plan.start_point] : [],
      );
      expect(starts.slice(0, 2)).toEqual(["refs/heads/main", ref]);
    }));

  it("counts no more where its end says that nothing was left", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { bead, session } = working(h);
      saved(h, session);
      const { epoch } = h.town.session(session);
      const reason = { code: "drained", message: "The runner ends." };
      const ended = { epoch, outcome: "evicted" as const, reason, work_ref: null, usage: NO_USAGE };
      h.town.post({ type: "session_ended", sessionId: session, ended });
      h.settle();
      expect(h.town.launchPlan(h.session(bead))?.start_point).toBe("refs/heads/main");
    }));

  it("of another life of the session changes nothing", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { session } = working(h);
      const { epoch } = h.town.session(session);
      h.town.registerRunner(NEXT);
      saved(h, session, epoch);
      expect(h.town.session(session).workRef).toBeNull();
    }));
});

describe("work that its ref does not have", () => {
  const module = { submodule: "libs/x", ref: "refs/gastown/wip/s", bundle: null };
  const bundle = { submodule: null, ref: null, bundle: "/data/bundles/s.bundle" };
  const end = (h: Harness, session: string) =>
    h.town.post({
      type: "session_ended",
      sessionId: session,
      ended: {
        epoch: h.town.session(session).epoch,
        outcome: "failed",
        reason: { code: "agent_exited", message: "It died." },
        work_ref: null,
        kept: [module, bundle],
        usage: NO_USAGE,
      },
    });
  const told = (h: Harness, bead: string) => h.town.prime(h.session(bead)).attempts[0]?.reason;
  const bundled = (h: Harness) =>
    h.town.escalations({}).filter(({ category }) => category === "work_bundled").length;

  it("is told to the next attempt, and what is in a bundle to a person", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { bead, session } = working(h);
      end(h, session);
      h.settle();
      expect(bundled(h)).toBe(1);
      h.advance(60_000);
      expect(h.session(bead)).not.toBe(session);
      expect(told(h, bead)).toContain(
        "It died. Its work in the submodule libs/x is saved as refs/gastown/wip/s",
      );
      expect(told(h, bead)).toContain("/data/bundles/s.bundle");
    }));

  it("is told also where the town had ended the session by itself, and once", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { session } = working(h);
      h.auto.heartbeat = false;
      h.on.check_session = () => ({ type: "refused", reason: { code: "not_found", message: "unknown" } });
      h.advance(10 * 60_000);
      expect(h.town.session(session)).toMatchObject({ outcome: "lost" });
      for (let i = 0; i < 2; i += 1) {
        end(h, session);
        h.settle();
      }
      expect(bundled(h)).toBe(1);
      expect(h.town.session(session).reason?.message.match(/libs\/x/g)).toHaveLength(1);
    }));
});
