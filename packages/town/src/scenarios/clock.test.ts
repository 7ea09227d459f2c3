/** Clocks that jump: nothing is lost, nothing waits for a day that is already over (spec/town.md §4). */
import { withSql } from "#host";
import { describe, expect, it } from "vitest";
import { MOVED_TIMES } from "../kernel/clock-jump.ts";
import { harness, PERSON, UNKNOWN_THERE, type Harness } from "./harness.ts";

const DAY = 24 * 3_600_000;

function cooling(h: Harness) {
  h.on.start_session = () => ({ type: "refused", reason: { code: "tools_missing", message: "no tools" } });
  const bead = h.town.sling(h.rig, { title: "x" }, { held: false }, PERSON);
  h.settle();
  delete h.on.start_session;
  return bead;
}

/** A bead that is done, and what it cost. */
function work(h: Harness, title: string, tokens: number): void {
  h.auto.done = false;
  h.town.sling(h.rig, { title }, { held: false }, PERSON);
  h.settle();
  h.cost(h.session(h.bead(title).id), tokens);
  h.auto.done = true;
  h.advance(1_000);
}

describe("a clock that goes back a day", () => {
  it("moves what waits with it, once, and says so", () =>
    withSql((sql) => {
      const h = harness(sql);
      const bead = cooling(h);
      h.setClock(h.now() - DAY);
      h.settle();
      h.advance(30_000);
      expect(h.town.bead(bead.id).status).toBe("closed");
      expect(h.town.feed({ limit: 10, kind: "town.clock_moved_back" })).toHaveLength(1);
    }));

  it("loses no session that goes on to report", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.auto.done = false;
      const bead = h.town.sling(h.rig, { title: "x" }, { held: false }, PERSON);
      h.settle();
      h.setClock(h.now() - DAY);
      h.advance(10 * 60_000);
      expect(h.town.bead(bead.id)).toMatchObject({ status: "in_progress", runFailures: 0 });
    }));

  it("raises a question no later than it would have", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.auto.done = false;
      h.town.sling(h.rig, { title: "x" }, { held: false }, PERSON);
      h.settle();
      const [session] = h.town.sessions({ live: true });
      h.town.escalate(session?.id ?? "", { title: "Which?", body: "a or b", severity: "low" });
      h.advance(2 * 3_600_000);
      h.setClock(h.now() - DAY);
      h.advance(2 * 3_600_000 + 60_000);
      expect(h.town.feed({ limit: 10, kind: "escalation.bumped" })).toHaveLength(1);
    }));

  it("lets the breaker go on counting, and close again", () =>
    withSql((sql) => {
      const h = harness(sql);
      sql.run(
        "update breaker set opened_at = ?1, counted_from = ?1, probe_at = ?2",
        h.now(),
        h.now() + 300_000,
      );
      h.setClock(h.now() - DAY);
      h.settle();
      const [row] = sql.all<{ opened_at: number; counted_from: number; probe_at: number }>(
        "select opened_at, counted_from, probe_at from breaker",
      );
      expect(row).toEqual({ opened_at: h.now(), counted_from: h.now(), probe_at: h.now() + 300_000 });
    }));

  it("has spent today what it spent on the days that are yet to come", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.town.setConfig({ budgets: { town_day: { tokens: 1_000 } } }, PERSON);
      work(h, "today", 400);
      h.setClock(h.now() + DAY);
      work(h, "tomorrow", 600);
      h.setClock(h.now() - DAY);
      h.town.sling(h.rig, { title: "today again" }, { held: false }, PERSON);
      h.settle();
      expect(h.bead("today again").waitingOn).toMatchObject({ code: "budget", limit: "budgets.town_day" });
      expect(h.town.feed({ limit: 10, kind: "budget.exhausted" })).toHaveLength(1);
      expect(h.town.checkInvariants()).toEqual([]);
    }));

  it("moves every column of a time that something is decided by", () =>
    withSql((sql) => {
      harness(sql);
      /** What clocks said then, and the identity of things: nothing is decided by it. */
      const record = [
        "audit.at",
        "idempotency.at",
        "secrets.changed_at",
        "snoozes.at",
        "town.created_at",
        "transcript.at",
      ];
      const apart = ["town.last_time"];
      const named = /(_at|_until|_since|_from|_time|^at|^deadline)$/;
      const columns = sql
        .all<{ id: string; column: string }>(
          `select t.name || '.' || c.name as id, c.name as "column" from sqlite_schema t join pragma_table_info(t.name) c
           where t.type = 'table' and c.type = 'INTEGER' order by 1`,
        )
        .filter(({ column }) => named.test(column))
        .map(({ id }) => id);
      const moved = Object.entries(MOVED_TIMES).flatMap(([table, names]) =>
        names.map((name) => `${table}.${name}`),
      );
      expect(columns.toSorted()).toEqual([...record, ...apart, ...moved].toSorted());
    }));

  it("by less than a minute is waited out", () =>
    withSql((sql) => {
      const h = harness(sql);
      const bead = cooling(h);
      const seq = h.town.newestSeq();
      h.setClock(h.now() - 59_000);
      h.settle();
      expect(h.town.newestSeq()).toBe(seq);
      h.advance(59_000 + 30_000);
      expect(h.town.bead(bead.id).status).toBe("closed");
    }));
});

describe("a clock that jumps a day ahead", () => {
  it("ends no session: the machine slept, so every lease begins anew", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.auto.done = false;
      const bead = h.town.sling(h.rig, { title: "x" }, { held: false }, PERSON);
      h.settle();
      h.setClock(h.now() + DAY);
      h.settle();
      expect(h.town.bead(bead.id).status).toBe("in_progress");
      h.auto.heartbeat = false;
      h.on.check_session = () => UNKNOWN_THERE;
      h.advance(90_000);
      expect(h.town.bead(bead.id)).toMatchObject({ status: "open", runFailures: 1 });
    }));
});
