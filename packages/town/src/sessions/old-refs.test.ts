/**
 * What is left on a remote when work is over (spec/town.md §5, housekeeping). The failures: refs that pile up for
 * ever, a branch that goes while its pull request is open, work that a person wanted to take up again, and a runner
 * that is started for it.
 */
import { withSql } from "#host";
import { describe, expect, it } from "vitest";
import type { Sql } from "../kernel/sql.ts";
import { harness, PERSON, type Harness } from "../scenarios/harness.ts";

const DAY = 24 * 3_600_000;

/** `a` was closed by a person after one session, whose work is saved; its branch was pushed once. */
function closed(sql: Sql): { h: Harness; session: string; close: () => void } {
  const h = harness(sql);
  h.auto.done = false;
  const bead = h.town.sling(h.rig, { title: "a" }, { held: false }, PERSON).id;
  h.settle();
  const session = h.session(bead);
  const close = (): void => {
    h.town.closeBead(bead, "cancelled", "", PERSON);
    h.settle();
  };
  sql.run(
    "update sessions set work_ref = ?, head_sha = ? where id = ?",
    ref(session),
    "1".repeat(40),
    session,
  );
  return { h, session, close };
}

const ref = (session: string): string => `refs/gastown/wip/${session}`;

/** Other work, for which a runner comes. */
function work(h: Harness, title: string): void {
  h.auto.done = false;
  h.town.registerRunner(`run_0000000000000000000000000${h.town.runnerEpoch() % 10}`);
  h.town.sling(h.rig, { title }, { held: false }, PERSON);
  h.advance(2 * 60_000);
}

const deletions = (h: Harness): [string, string, string | null][] =>
  h.carriedOut.flatMap((one): [string, string, string | null][] =>
    one.kind === "branch" && one.body.operation !== "create"
      ? [[one.body.operation, one.body.branch, one.body.expected_head]]
      : [],
  );

describe("saved work and attempts' branches", () => {
  it("go 30 days after their bead was closed, once, and only where a runner works anyway", () =>
    withSql((sql) => {
      const { h, session, close } = closed(sql);
      close();
      const { branch } = h.town.session(session);
      h.advance(30 * DAY - 2 * 3_600_000);
      work(h, "early");
      expect(deletions(h)).toEqual([]);
      h.advance(3 * 3_600_000);
      expect(deletions(h)).toEqual([
        ["forget", ref(session), null],
        ["delete", branch, "1".repeat(40)],
      ]);
      expect(h.town.session(session).workRef).toBeNull();
      h.advance(DAY);
      expect(deletions(h)).toHaveLength(2);
      expect(h.town.checkInvariants()).toEqual([]);
    }));

  it("of a failed bead stay, for whoever retries it", () =>
    withSql((sql) => {
      const { h, session } = closed(sql);
      h.town.failBead(h.bead("a").id, "not now", PERSON);
      h.settle();
      h.advance(31 * DAY);
      work(h, "later");
      expect(deletions(h)).toEqual([]);
      expect(h.town.session(session).workRef).toBe(ref(session));
    }));

  it("stay while a pull request of that branch may be open", () =>
    withSql((sql) => {
      const { h, session, close } = closed(sql);
      close();
      const { branch } = h.town.session(session);
      const merge = h.town.beads({ type: ["merge_request"] }, {}).items.length;
      expect(merge).toBe(0);
      h.auto.done = true;
      h.town.sling(h.rig, { title: "model" }, { held: false }, PERSON);
      h.settle();
      // The merge request of another bead serves as that of this one, given up with its pull request open.
      sql.run(
        "update merge_requests set source_id = ?, branch = ?, state = 'failed', pr_url = 'u', pr_state = 'open'",
        h.bead("a").id,
        branch,
      );
      h.advance(31 * DAY);
      work(h, "later");
      expect(deletions(h).filter(([, name]) => name === branch)).toEqual([]);
      expect(deletions(h)).toContainEqual(["forget", ref(session), null]);
    }));

  it("are tried again where the remote cannot be reached", () =>
    withSql((sql) => {
      const { h, session, close } = closed(sql);
      close();
      let tries = 0;
      h.on.branch = ({ body }) =>
        body.operation === "forget" && ++tries < 3
          ? { type: "outcome", outcome: { outcome: "error", message: "no network" } }
          : { type: "outcome", outcome: { outcome: "branch_done", head_sha: null } };
      h.advance(31 * DAY);
      work(h, "later");
      h.advance(60_000);
      expect(tries).toBe(3);
      expect(h.town.session(session).workRef).toBeNull();
    }));
});
