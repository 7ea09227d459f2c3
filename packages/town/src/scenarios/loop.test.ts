/** The loop itself: waking, quiet, bad rows, restarts, outbox (spec/town.md §4, §5). */
import { withSql } from "#host";
import { describe, expect, it } from "vitest";
import { openTown } from "../open-town.ts";
import { SCHEMA_VERSION } from "../migrations/migrate.ts";
import { harness, PERSON, type Harness } from "./harness.ts";

describe("quiet", () => {
  it("an idle town wants no wake at all, once its runner is let go", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.town.sling(h.rig, { title: "x" }, { held: false }, PERSON);
      h.settle();
      h.advance(10 * 60_000);
      expect(h.carriedOut.filter((request) => request.kind === "stop_runner")).toHaveLength(1);
      expect(h.town.nextWakeAt()).toBeNull();
    }));

  it("a working town ticks a bounded number of times an hour", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.auto.done = false;
      h.town.sling(h.rig, { title: "x" }, { held: false }, PERSON);
      h.settle();
      let ticks = 0;
      const tick = h.town.tick.bind(h.town);
      Object.defineProperty(h.town, "tick", { value: () => (ticks++, tick()) });
      h.advance(60 * 60_000);
      expect(ticks).toBeLessThan(1_000);
    }));
});

describe("the inbox", () => {
  it("keeps a row that cannot be applied apart, tries it five times, and goes on with the others", () =>
    withSql((sql) => {
      const h = harness(sql);
      sql.run("insert into inbox (type, payload, at, due_at) values ('effect_answered', '{broken', 0, 0)");
      const bead = h.town.sling(h.rig, { title: "x" }, { held: false }, PERSON);
      h.settle();
      expect(h.town.bead(bead.id).status).toBe("closed");
      h.advance(5 * 60_000);
      expect(h.town.status().inbox).toEqual({ pending: 0, dead: 1 });
      expect(h.town.feed({ limit: 10, kind: "reconciler.dead_letter" })).toHaveLength(1);
    }));
});

describe("the outbox", () => {
  it("sends what was in flight again after the host died, and its old answer is late", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.on.merge = () => "lost";
      const bead = h.town.sling(h.rig, { title: "x" }, { held: false }, PERSON);
      h.settle();
      expect(h.town.merge(bead.id).state).toBe("landing");
      delete h.on.merge;
      h.restart();
      h.settle();
      expect(h.town.bead(bead.id).reason).toBe("merged");
      expect(h.carriedOut.filter((request) => request.kind === "merge").map((r) => r.body.attempt)).toEqual([
        1, 2,
      ]);
    }));

  it("sends what an older runner had accepted to the newer one", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.on.merge = () => ({ type: "accepted" });
      const bead = h.town.sling(h.rig, { title: "x" }, { held: false }, PERSON);
      h.settle();
      delete h.on.merge;
      h.settle();
      expect(h.town.merge(bead.id).state).toBe("landing");
      h.town.registerRunner("run_00000000000000000000000002");
      h.settle();
      expect(h.town.bead(bead.id).reason).toBe("merged");
    }));

  it("gets a runner for what a dead one had in hand, also when no session lives", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.on.merge = () => ({ type: "accepted" });
      const bead = h.town.sling(h.rig, { title: "x" }, { held: false }, PERSON);
      h.settle();
      expect(h.town.sessions({ live: true })).toEqual([]);
      expect(h.town.merge(bead.id).state).toBe("landing");
      delete h.on.merge;
      h.on.ensure_runner = () => {
        h.town.registerRunner("run_00000000000000000000000002");
        return { type: "done" };
      };
      h.town.post({ type: "runner_lost", epoch: h.town.runnerEpoch(), reason: "killed" });
      h.settle();
      expect(h.town.bead(bead.id).reason).toBe("merged");
    }));

  it("sends again what was taken while a newer runner registered, whichever of the two took it", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.on.merge = () => {
        h.town.registerRunner("run_00000000000000000000000002");
        delete h.on.merge;
        return { type: "accepted" };
      };
      const bead = h.town.sling(h.rig, { title: "x" }, { held: false }, PERSON);
      h.settle();
      expect(h.town.bead(bead.id).reason).toBe("merged");
    }));

  it("does not wait for ever for the last word of a runner that was leaving", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.town.post({ type: "runner_draining", epoch: h.town.runnerEpoch() });
      const bead = h.town.sling(h.rig, { title: "x" }, { held: false }, PERSON);
      h.town.messageMayor({ message: "hello" }, PERSON);
      h.auto.heartbeat = false;
      h.settle();
      expect(h.town.bead(bead.id).waitingOn?.code).toBe("draining");
      h.advance(44_999);
      expect(h.town.bead(bead.id).status).toBe("open");
      expect(h.town.mayor().status).toBe("idle");
      h.advance(2);
      expect(h.town.bead(bead.id).reason).toBe("merged");
      expect(h.town.mayor().status).not.toBe("idle");
    }));

  it("keeps an idle runner for five minutes after any work, not only after sessions", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.town.setRigConfig(h.rig, { review: { gates: ["test"], code_review: false } }, PERSON);
      h.on.run_gates = () => ({ type: "accepted" });
      h.town.sling(h.rig, { title: "x" }, { held: false }, PERSON);
      h.settle();
      for (let minute = 0; minute < 20; minute += 0.5) {
        beat(h);
        h.advance(30_000);
      }
      const [gates] = h.carriedOut.flatMap((request) => (request.kind === "run_gates" ? [request.body] : []));
      const gate = { name: "test", exit_code: 1, duration_ms: 1, required: true, log_tail: "" };
      delete h.on.run_gates;
      h.auto.done = false;
      h.on.start_session = () => ({ type: "retry", message: "later", counted: true });
      h.town.pause("no new work", PERSON);
      h.town.post({
        type: "effect_settled",
        effectId: gates?.effect_id ?? "",
        runnerEpoch: h.town.runnerEpoch(),
        attempt: 1,
        outcome: { outcome: "gates_done", gates: [gate] },
      });
      const stops = (): number => h.carriedOut.filter((request) => request.kind === "stop_runner").length;
      for (let minute = 0; minute < 4; minute += 0.5) {
        beat(h);
        h.advance(30_000);
      }
      expect(stops()).toBe(0);
      h.advance(2 * 60_000);
      expect(stops()).toBe(1);
    }));

  it("gives up after twenty counted failures and tells whoever waits", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.on.run_gates = () => ({ type: "retry", message: "no", counted: true });
      h.town.setRigConfig(h.rig, { review: { gates: ["true"] } }, PERSON);
      const bead = h.town.sling(h.rig, { title: "x" }, { held: false }, PERSON);
      h.advance(12 * 60 * 60_000);
      expect(h.town.merge(bead.id)).toMatchObject({ state: "failed", failure: { kind: "gates_error" } });
      expect(h.town.bead(bead.id)).toMatchObject({ status: "open", held: true });
    }));

  it("counts nothing while there is no runner", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.on.run_gates = () => ({ type: "retry", message: "no runner", counted: false });
      h.town.setRigConfig(h.rig, { review: { gates: ["true"] } }, PERSON);
      const bead = h.town.sling(h.rig, { title: "x" }, { held: false }, PERSON);
      h.advance(3 * 60 * 60_000);
      delete h.on.run_gates;
      h.advance(10 * 60_000);
      expect(h.town.bead(bead.id).reason).toBe("merged");
    }));
});

describe("storage", () => {
  it("refuses a database of a newer version and does not touch it", () =>
    withSql((sql) => {
      harness(sql);
      sql.run("update schema_version set version = ?", SCHEMA_VERSION + 1);
      const ports = { sql, now: () => 0, random: () => new Uint8Array(16), fallbackRuntime: "scripted" };
      expect(() => openTown(ports)).toThrow(/newer gastown/);
    }));

  it("answers the same request with the same key once, and refuses another with it", () =>
    withSql((sql) => {
      const h = harness(sql);
      let made = 0;
      const request = { principal: "user_local", key: "k1", fingerprint: "a" };
      const run = () => h.town.idempotent(request, () => ({ status: 201, body: String(++made) }));
      expect(run()).toMatchObject({ body: "1", replayed: false });
      expect(run()).toMatchObject({ body: "1", replayed: true });
      expect(() =>
        h.town.idempotent({ ...request, fingerprint: "b" }, () => ({ status: 201, body: "" })),
      ).toThrow(/another request/);
    }));

  it("reads nothing by scanning in a tick", () =>
    withSql((sql) => {
      harness(sql);
      const hot = [
        "select kind, id, failures from schedule where due_at <= 1 order by due_at limit 1",
        "select min(due_at) as at from outbox where state = 'pending' and due_at > 1",
        "select seq, type, payload, attempts from inbox where state = 'pending' and due_at <= 1 order by seq limit 1",
        "select * from beads where rig_id = 'r' and ready = 1 order by dispatch_class, priority desc, convoy_at, created_at limit 4",
        "select count(*) as n from sessions where rig_id = 'r' and role = 'x' and state <> 'ended'",
        "select count(*) as n from sessions where state <> 'ended' and role <> 'mayor'",
        "select * from sessions where bead_id = 'b' and state <> 'ended'",
        "select * from merge_requests where rig_id = 'r' and review_wanted = 1 and cooldown_until <= 1 order by priority desc, convoy_at, created_at limit 1",
        "select * from merge_requests where rig_id = 'r' and target = 't' and state = 'approved' order by priority desc, convoy_at, created_at limit 1",
        "select bead_id from merge_requests where fix_bead_id = 'x'",
        "select from_id from dependencies where to_id = 'x' and kind = 'blocks'",
        "select count(*) as n from outbox where state = 'running'",
        "select max(ended_at) as at from sessions",
      ];
      for (const query of hot) {
        const plan = sql.all<{ detail: string }>(`explain query plan ${query}`).map((row) => row.detail);
        const scans = plan.filter((line) => /^SCAN (?!.*INDEX)/.test(line));
        expect(scans.map((line) => `${line} in ${query}`)).toEqual([]);
      }
    }));
});

/** A runner without sessions says that it is there. */
function beat(h: Harness): void {
  h.town.heartbeat(h.town.runnerEpoch(), {
    instance_id: "run_00000000000000000000000001",
    draining: false,
    sessions: [],
  });
}
