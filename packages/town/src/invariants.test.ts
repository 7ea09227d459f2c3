/** Each check sees the fault that it is there for; a town that works shows none. */
import { withSql } from "#host";
import { describe, expect, it } from "vitest";
import type { Sql } from "./kernel/sql.ts";
import { harness, PERSON, type Harness } from "./scenarios/harness.ts";
import { forgeHarness } from "./scenarios/memory-forge.ts";

interface Fault {
  id: number;
  what: string;
  /** Another town than the plain one. */
  harness?: (sql: Sql) => Harness;
  prepare?: (h: Harness) => void;
  inject: (sql: Sql, h: Harness) => void;
}

const inReview = (h: Harness): void => {
  h.on.merge = () => ({ type: "accepted" });
  h.town.sling(h.rig, { title: "x" }, { held: false }, PERSON);
  h.settle();
};

const working = (h: Harness): void => {
  h.auto.done = false;
  h.town.sling(h.rig, { title: "x" }, { held: false }, PERSON);
  h.settle();
};

function mergedPullRequest(sql: Sql): Harness {
  const h = forgeHarness(sql);
  h.town.sling(h.rig, { title: "x" }, { held: false }, PERSON);
  h.settle();
  return h;
}

function landingPullRequest(sql: Sql): Harness {
  const h = forgeHarness(sql);
  h.on.merge_pull_request = () => "lost";
  h.town.sling(h.rig, { title: "x" }, { held: false }, PERSON);
  h.settle();
  return h;
}

const FAULTS: Fault[] = [
  {
    id: 1,
    what: "two live sessions at one bead",
    prepare: working,
    inject: (sql) => {
      sql.exec("drop index sessions_live_bead; drop index sessions_live_agent");
      const columns = sql
        .all<{ name: string }>("select name from pragma_table_info('sessions')")
        .map((row) => row.name);
      const values = columns.map((name) => (name === "id" ? "id || 'x'" : name));
      sql.run(`insert into sessions (${columns.join(", ")}) select ${values.join(", ")} from sessions`);
    },
  },
  {
    id: 3,
    what: "a closed bead that opened again",
    prepare: (h) => {
      h.town.sling(h.rig, { title: "x" }, { held: false }, PERSON);
      h.settle();
    },
    inject: (sql) => sql.run("update audit set from_state = 'closed' where kind = 'bead.status_changed'"),
  },
  {
    id: 4,
    what: "an issue in review that nothing tracks",
    prepare: inReview,
    inject: (sql) => sql.run("update merge_requests set state = 'failed'"),
  },
  {
    id: 6,
    what: "a landing at a head that nobody approved",
    prepare: inReview,
    inject: (sql) => sql.run("update merge_requests set reviewed_sha = null"),
  },
  {
    id: 4,
    what: "a failed merge request whose finished work is still in review",
    harness: landingPullRequest,
    inject: (sql) => sql.run("update merge_requests set state = 'failed'"),
  },
  ...[
    ["a draft", "$.pr.draft", "json('true')"],
    ["a conflict", "$.pr.mergeable", "'dirty'"],
    ["a mergeable state that is not known", "$.pr.mergeable", "'unknown'"],
    ["another base", "$.pr.base", "'other'"],
    ["another head", "$.pr.head_sha", "'ffff'"],
    ["threads that could not be read", "$.signals.threads", `json('{"state":"unknown","why":"x"}')`],
    ["an unresolved thread", "$.signals.threads.unresolved", "json('[{}]')"],
    ["checks that could not be read", "$.signals.checks", `json('{"state":"unknown","why":"x"}')`],
    ["a red check", "$.signals.checks.items", `json('[{"state":"failure"}]')`],
    ["a pending check", "$.signals.checks.items", `json('[{"state":"pending"}]')`],
    ["a check of a state that is not known", "$.signals.checks.items", `json('[{"state":"unknown"}]')`],
    ["approvals that could not be read", "$.signals.approval", `json('{"state":"unknown","why":"x"}')`],
    ["changes requested", "$.signals.approval.decision", "'changes_requested'"],
    ["no approval", "$.signals.approval.decision", "'review_required'"],
  ].map(([what, path, value]): Fault => ({
    id: 6,
    what: `a merge of a pull request with ${what}`,
    harness: landingPullRequest,
    inject: (sql) =>
      sql.run(`update merge_requests set pr_reading = json_set(pr_reading, '${path}', ${value})`),
  })),
  {
    id: 6,
    what: "a merge with an open blocker",
    harness: landingPullRequest,
    inject: (sql, h) => {
      h.auto.done = false;
      const other = h.town.sling(h.rig, { title: "y" }, { held: true }, PERSON).id;
      sql.run(
        "insert into dependencies (from_id, to_id, kind) select bead_id, ?, 'blocks' from merge_requests",
        other,
      );
    },
  },
  {
    id: 5,
    what: "a town's merge of another head than the reviewed one",
    harness: mergedPullRequest,
    inject: (sql) => sql.run("update merge_requests set merged_head = 'ffff'"),
  },
  {
    id: 5,
    what: "a merge without a commit",
    harness: mergedPullRequest,
    inject: (sql) => sql.run("update merge_requests set merge_commit = null"),
  },
  {
    id: 8,
    what: "a landed convoy whose landing was not merged",
    prepare: (h) => {
      h.town.slingConvoy({ title: "c", rigId: h.rig, tasks: [{ title: "a" }], staged: false }, PERSON);
      h.settle();
    },
    inject: (sql) => sql.run("update merge_requests set state = 'failed' where lands_convoy = 1"),
  },
  {
    id: 8,
    what: "a landed convoy with an unfinished member",
    prepare: (h) => {
      h.town.slingConvoy({ title: "c", rigId: h.rig, tasks: [{ title: "a" }], staged: false }, PERSON);
      h.settle();
    },
    inject: (sql) =>
      sql.run("update beads set status = 'failed', reason = 'person' where title = 'a' and type = 'issue'"),
  },
  {
    id: 10,
    what: "an open bead that nobody will look at",
    prepare: (h) => {
      h.town.sling(h.rig, { title: "x" }, { held: true }, PERSON);
      h.settle();
    },
    inject: (sql) => sql.run("update beads set waiting = null where type = 'issue'"),
  },
  {
    id: 9,
    what: "more failed starts than any cap allows",
    prepare: working,
    inject: (sql) => sql.run("update beads set start_failures = 21 where type = 'issue'"),
  },
  {
    id: 9,
    what: "a resting bead that may be started",
    prepare: (h) => {
      h.town.pause("", PERSON);
      h.town.sling(h.rig, { title: "x" }, { held: false }, PERSON);
      h.settle();
    },
    inject: (sql, h) => sql.run("update beads set cooldown_until = ? where type = 'issue'", h.now() + 60_000),
  },
  {
    id: 10,
    what: "a broken rig that work waits for and that nobody sets up again",
    prepare: (h) => {
      h.town.pause("", PERSON);
      h.town.sling(h.rig, { title: "x" }, { held: false }, PERSON);
      h.settle();
    },
    inject: (sql) => {
      sql.run("update rigs set state = 'broken'");
      sql.run("delete from schedule where kind = 'rig'");
    },
  },
  {
    id: 10,
    what: "a convoy whose work is done and that nobody lands",
    prepare: (h) => {
      h.auto.done = false;
      h.town.slingConvoy({ title: "c", rigId: h.rig, tasks: [{ title: "a" }], staged: false }, PERSON);
      h.settle();
    },
    inject: (sql) => {
      sql.run("update sessions set state = 'ended'");
      sql.run("update beads set status = 'closed', reason = 'merged' where title = 'a' and type = 'issue'");
      sql.run("delete from schedule where kind = 'convoy'");
    },
  },
  {
    id: 14,
    what: "an effect in flight that has no deadline",
    prepare: inReview,
    inject: (sql) => sql.run("update outbox set deadline = 0 where kind = 'merge'"),
  },
  {
    id: 15,
    what: "a nudge that an ended session keeps for itself",
    prepare: (h) => {
      working(h);
      h.on.poke_session = () => ({ type: "done" });
      const [session] = h.town.sessions({ live: true });
      h.town.nudgeSession(session?.id ?? "", { message: "hurry" }, PERSON);
      h.town.claimNudges(session?.id ?? "", session?.epoch ?? 0, "idle");
    },
    inject: (sql) => sql.run("update sessions set state = 'ended'"),
  },
  {
    id: 15,
    what: "mail that an ended session keeps for itself",
    prepare: (h) => {
      working(h);
      const [session] = h.town.sessions({ live: true });
      h.town.sendMail({ to: session?.agentName ?? "", subject: "s", body: "b" }, PERSON);
      h.town.checkMail(session?.id ?? "");
    },
    inject: (sql) => sql.run("update sessions set state = 'ended'"),
  },
];

describe("invariants", () => {
  it.each(FAULTS)("$id sees $what", (fault) =>
    withSql((sql) => {
      const h = (fault.harness ?? harness)(sql);
      fault.prepare?.(h);
      expect(h.town.checkInvariants()).toEqual([]);
      fault.inject(sql, h);
      expect(h.town.checkInvariants().map((violation) => violation.id)).toContain(fault.id);
    }),
  );
});

describe("repair", () => {
  it("makes due what nobody would have looked at any more, and nothing in a sound town", () =>
    withSql((sql) => {
      const h = harness(sql);
      const bead = h.town.sling(h.rig, { title: "x" }, { held: false }, PERSON);
      expect(h.town.repair(true)).toEqual([]);
      sql.run("delete from schedule");
      expect(h.town.checkInvariants().map((violation) => violation.id)).toEqual([10]);
      h.settle();
      expect(h.town.bead(bead.id).status).toBe("open");
      const planned = h.town.repair(false);
      expect(planned).toContainEqual({ kind: "bead", id: bead.id });
      expect(h.town.checkInvariants()).not.toEqual([]);
      expect(h.town.repair(true)).toEqual(planned);
      expect(h.town.checkInvariants()).toEqual([]);
      h.settle();
      expect(h.town.bead(bead.id).reason).toBe("merged");
    }));
});
