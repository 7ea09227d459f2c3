/** Triage: asked about silent agents, judging in batches, never about itself (spec/town.md §5). */
import { withSql } from "#host";
import { describe, expect, it } from "vitest";
import { harness, PERSON, type Harness } from "./harness.ts";

const MINUTE = 60_000;

/** Polecats at work of which nothing is heard for an hour. */
function stalled(h: Harness, count = 1): string[] {
  h.auto.done = false;
  h.town.setConfig({ limits: { max_polecats_per_rig: 10 } }, PERSON);
  const beads = Array.from({ length: count }, (_, i) =>
    h.town.sling(h.rig, { title: `b${i}` }, { held: false }, PERSON),
  );
  h.settle();
  h.agents.silent = true;
  h.advance(60 * MINUTE);
  return beads.map((bead) => bead.id);
}

const triageSession = (h: Harness): string =>
  h.town.sessions({ live: true }).find((one) => one.role === "triage")?.id ?? "";
const requests = (h: Harness) => h.town.prime(triageSession(h)).triage;

function resolve(h: Harness, action: string, message?: string, index = 0) {
  return h.town.resolveTriage(triageSession(h), {
    request_id: requests(h)[index]?.id ?? "",
    action: action as "restart",
    notes: "because",
    ...(message === undefined ? {} : { message }),
  });
}

describe("triage", () => {
  it("is asked after an hour of silence, not a moment earlier, in a session of its own role", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.auto.done = false;
      h.town.sling(h.rig, { title: "x" }, { held: false }, PERSON);
      h.settle();
      h.agents.silent = true;
      h.advance(60 * MINUTE - 1);
      expect(triageSession(h)).toBe("");
      h.advance(1);
      expect(h.town.session(triageSession(h))).toMatchObject({ role: "triage", beadId: null, rigId: null });
      expect(requests(h)).toMatchObject([{ type: "inactivity" }]);
      expect(requests(h)[0]?.text).toContain("nothing was heard of it for 60 min");
      expect(h.town.checkInvariants()).toEqual([]);
    }));

  it("gets all of them in one batch, five at most", () =>
    withSql((sql) => {
      const h = harness(sql);
      stalled(h, 7);
      expect(requests(h)).toHaveLength(5);
      expect(h.town.sessions({ live: true }).filter((one) => one.role === "triage")).toHaveLength(1);
    }));

  it("restarts, its work saved and nothing counted, and with reassign another agent goes on", () =>
    withSql((sql) => {
      const h = harness(sql);
      const [bead = ""] = stalled(h);
      const before = h.town.session(h.session(bead));
      expect(resolve(h, "reassign")).toEqual({ action: "reassign", applied: true, left: 0 });
      h.settle();
      expect(h.town.session(before.id)).toMatchObject({ outcome: "stopped" });
      expect(h.town.session(h.session(bead)).agentId).not.toBe(before.agentId);
      expect(h.town.bead(bead)).toMatchObject({ runFailures: 0 });
      expect(() => resolve(h, "restart")).toThrow(/no request/);
    }));

  it("nudges, guides, fails and escalates", () =>
    withSql((sql) => {
      const h = harness(sql);
      const [first = "", second = "", third = "", fourth = ""] = stalled(h, 4);
      expect(() => resolve(h, "nudge")).toThrow(/needs a message/);
      resolve(h, "nudge", "are you there?");
      resolve(h, "guide", "use the other file");
      resolve(h, "fail_bead");
      resolve(h, "escalate_to_person");
      h.settle();
      expect(h.nudged.at(-1)).toMatchObject({ session: h.session(first), text: "are you there?" });
      expect(h.town.prime(h.session(second)).mail).toMatchObject([{ body: "use the other file" }]);
      expect(h.town.bead(third)).toMatchObject({ status: "failed", reason: "triage" });
      expect(h.town.escalations({ open: true })).toMatchObject([
        { category: "stalled_agent", severity: "high", source: { beadId: fourth } },
      ]);
    }));

  it("changes nothing where the agent was heard of again, and says so", () =>
    withSql((sql) => {
      const h = harness(sql);
      const [bead = ""] = stalled(h);
      h.advance(1_000);
      h.town.toolCalled(h.session(bead), "gt_status", null);
      expect(resolve(h, "restart")).toMatchObject({ applied: false });
      h.settle();
      expect(h.town.bead(bead).status).toBe("in_progress");
    }));

  it("that ends without deciding is tried again, and after three attempts a person is asked", () =>
    withSql((sql) => {
      const h = harness(sql);
      stalled(h);
      for (let attempt = 1; attempt <= 3; attempt++) {
        const session = triageSession(h);
        expect(session, `attempt ${attempt}`).not.toBe("");
        h.town.requestDone(session, { summary: "cannot say" });
        h.settle();
      }
      expect(triageSession(h)).toBe("");
      expect(h.town.escalations({ open: true })).toMatchObject([
        { category: "stalled_agent", severity: "high" },
      ]);
      expect(h.town.feed({ limit: 9, kind: "triage.exhausted" })).toHaveLength(1);
    }));

  it("rests for 30 seconds after a failed batch", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.on.start_session = ({ plan }) =>
        plan.role === "triage"
          ? { type: "refused", reason: { code: "tools_missing", message: "no tools" } }
          : { type: "done" };
      stalled(h);
      const starts = () =>
        h.carriedOut.filter((request) => request.kind === "start_session" && request.plan.role === "triage")
          .length;
      expect(starts()).toBe(1);
      h.advance(30_000 - 1);
      expect(starts()).toBe(1);
      h.advance(1);
      expect(starts()).toBe(2);
    }));

  it("that finds no room is no attempt, however often, and goes on as soon as there is some", () =>
    withSql((sql) => {
      const h = harness(sql);
      const full = "waits for a runner: number 1 in the queue";
      h.on.start_session = ({ plan }) =>
        plan.role === "triage" ? { type: "no_room", message: full } : { type: "done" };
      stalled(h);
      for (let attempt = 0; attempt < 5; attempt++) {
        h.town.post({ type: "runner_room" });
        h.settle();
      }
      expect(sql.all("select state, attempts from triage_requests")).toEqual([
        { state: "open", attempts: 0 },
      ]);
      expect(h.town.escalations({ open: true })).toEqual([]);
      delete h.on.start_session;
      h.town.post({ type: "runner_room" });
      h.settle();
      expect(triageSession(h)).not.toBe("");
    }));

  it("that is evicted or met by a provider's limit is no attempt either", () =>
    withSql((sql) => {
      const h = harness(sql);
      const refusals = [{ code: "model_unavailable", until: h.now() + 1_000 }, { code: "draining" }];
      h.on.start_session = ({ plan }) =>
        plan.role === "triage"
          ? {
              type: "refused",
              reason: { ...(refusals.shift() ?? { code: "tools_missing" }), message: "not now" },
            }
          : { type: "done" };
      stalled(h);
      h.advance(30_000);
      expect(sql.all("select attempts from triage_requests")).toEqual([{ attempts: 0 }]);
      h.advance(30_000);
      expect(sql.all("select attempts from triage_requests")).toEqual([{ attempts: 1 }]);
    }));

  it("is never asked about itself, and waits while the town is paused", () =>
    withSql((sql) => {
      const h = harness(sql);
      stalled(h);
      const session = triageSession(h);
      h.advance(60 * MINUTE + 1);
      const rows = sql.all<{ session_id: string }>("select session_id from triage_requests");
      expect(rows.map((row) => row.session_id)).not.toContain(session);
      expect(rows).toHaveLength(1);
    }));

  it("starts nothing while the town is paused", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.auto.done = false;
      h.town.sling(h.rig, { title: "x" }, { held: false }, PERSON);
      h.settle();
      h.agents.silent = true;
      h.town.pause("", PERSON);
      h.advance(61 * MINUTE);
      expect(triageSession(h)).toBe("");
      h.town.resume(PERSON);
      h.settle();
      expect(triageSession(h)).not.toBe("");
    }));
});
