/**
 * Permission requests that a person decides (spec/runner.md §4): the failures are an agent that waits for ever,
 * one that is stopped because its person is at lunch, and an answer that nobody gave.
 */
import { withSql } from "#host";
import type { PermissionAnswer } from "@gastown/protocol";
import { describe, expect, it } from "vitest";
import type { Actor } from "../town.ts";
import { harness, PERSON, type Harness } from "./harness.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const MAYOR: Actor = { kind: "agent", id: "agent_mayor", name: "Mayor" };

function working(h: Harness): { bead: string; session: string } {
  h.auto.done = false;
  const bead = h.town.sling(h.rig, { title: "x" }, { held: false }, PERSON).id;
  h.settle();
  return { bead, session: h.session(bead) };
}

function ask(h: Harness, session: string, id = "one", tool = "execute"): PermissionAnswer {
  const { epoch } = h.town.session(session);
  const asked = { epoch, request_id: id, tool, title: `npm publish ${id}`, detail: "{}" };
  const answer = h.town.askPermission(session, asked);
  h.settle();
  return answer;
}

/** What the runner is told with its next heartbeat. */
function decided(h: Harness, session: string, ids: string[]): unknown {
  const { epoch } = h.town.session(session);
  const usage = { tokens_in: 0, tokens_out: 0, usd: 0, usd_known: false };
  const line = { session_id: session, epoch, state: "busy" as const, last_event_at: null, active_tools: [] };
  return h.town.heartbeat(h.town.runnerEpoch(), {
    instance_id: "run_00000000000000000000000001",
    draining: false,
    sessions: [{ ...line, prompted: true, usage, permissions: ids }],
  }).permissions;
}

const open = (h: Harness) => h.town.escalations({ open: true });
const pokes = (h: Harness): number => h.carriedOut.filter(({ kind }) => kind === "poke_session").length;

describe("a permission request", () => {
  it("is one question to a person, however often it is asked, and says where it comes from", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { bead, session } = working(h);
      const first = ask(h, session);
      expect(first).toMatchObject({ decision: "pending" });
      expect(ask(h, session)).toEqual(first);
      expect(open(h)).toMatchObject([
        {
          id: first.escalation_id,
          category: "permission",
          source: { sessionId: session, beadId: bead },
          choices: [{ id: "allow_once" }, { id: "allow_session" }, { id: "deny" }],
        },
      ]);
      expect(h.town.needsYou({}).items).toMatchObject([
        { kind: "permission", primary: { label: "Allow it once" }, holdsUp: 1 },
      ]);
      expect(h.town.status().needsYou).toMatchObject([{ category: "permission" }]);
      const wait = { code: "permission", message: "asks a person for permission: npm publish one" };
      expect(h.town.session(session).waitingOn).toMatchObject(wait);
      const why = h.town.why(bead);
      expect(why.waitingOn).toMatchObject({ ...wait, objects: [{ id: first.escalation_id }] });
      expect(why.sentence).toContain("asks a person for permission: npm publish one");
      expect(decided(h, session, ["one"])).toBeUndefined();
    }));

  it.each([
    ["allow_once", "allow"],
    ["deny", "deny"],
    ["ignore", "deny"],
  ])("that is answered with %s reaches the agent at once as %s", (choice, decision) =>
    withSql((sql) => {
      const h = harness(sql);
      const { session } = working(h);
      const { escalation_id: id = "" } = ask(h, session);
      const before = pokes(h);
      h.town.resolveEscalation(id, { choice }, PERSON);
      h.settle();
      expect(pokes(h)).toBe(before + 1);
      expect(decided(h, session, ["one"])).toEqual([{ session_id: session, request_id: "one", decision }]);
      expect(ask(h, session)).toEqual({ decision });
      expect(open(h)).toEqual([]);
      expect(h.town.feed({ limit: 1, kind: "session.permission_decided" })).toMatchObject([
        { data: { tool: "execute", decision } },
      ]);
    }),
  );

  it("that is allowed for the session is not asked again there, nor is another tool or session allowed", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { session } = working(h);
      const { escalation_id: id = "" } = ask(h, session);
      h.town.resolveEscalation(id, { choice: "allow_session" }, PERSON);
      expect(ask(h, session, "two")).toEqual({ decision: "allow" });
      expect(ask(h, session, "three", "edit")).toMatchObject({ decision: "pending" });
      expect(ask(h, working(h).session, "four")).toMatchObject({ decision: "pending" });
    }));

  it("needs a choice: words alone allow nothing", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { session } = working(h);
      const { escalation_id: id = "" } = ask(h, session);
      expect(() => h.town.resolveEscalation(id, { answer: "sure" }, MAYOR)).toThrow(/choose allow_once/);
      expect(open(h)).toHaveLength(1);
    }));

  it("keeps everybody patient with its agent, for a day; then it is denied", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { session } = working(h);
      ask(h, session);
      h.agents.silent = true;
      h.advance(24 * HOUR - 1);
      expect(h.nudged).toEqual([]);
      expect(h.town.session(session).state).toBe("running");
      h.advance(1);
      expect(decided(h, session, ["one"])).toMatchObject([{ decision: "deny" }]);
      expect(open(h)).toEqual([]);
      h.advance(15 * MINUTE + 1);
      expect(h.nudged).toHaveLength(1);
    }));

  it("is no question any more when it is withdrawn, its session ends, or its runner is another one", () =>
    withSql((sql) => {
      const h = harness(sql);
      const one = working(h).session;
      ask(h, one);
      h.town.withdrawPermission(one, { epoch: 1, request_id: "one" });
      expect(open(h)).toEqual([]);
      ask(h, one, "two");
      h.town.stopSession(one, "now", "", PERSON);
      h.settle();
      expect(open(h)).toEqual([]);
      const two = working(h).session;
      ask(h, two, "three");
      h.town.registerRunner("run_00000000000000000000000002");
      expect(open(h)).toEqual([]);
    }));

  it("of a session that is over, or of an older life of it, is refused", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { session } = working(h);
      const { epoch } = h.town.session(session);
      const asked = { request_id: "one", tool: "execute", title: "x", detail: "" };
      expect(() => h.town.askPermission(session, { ...asked, epoch: epoch - 1 })).toThrow(/newer one/);
      h.town.stopSession(session, "now", "", PERSON);
      h.settle();
      expect(() => h.town.askPermission(session, { ...asked, epoch })).toThrow(/over/);
    }));
});
