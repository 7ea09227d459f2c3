/**
 * A town under seeded random trouble: answers lost, refused or late, sessions that end in every way,
 * hosts and runners replaced, people who change their minds. After every step the invariants hold;
 * when the trouble stops, everything ends or waits with a reason.
 */
import { withSql } from "#host";
import type { EffectOutcome, SessionEnded } from "@gastown/protocol";
import { describe, expect, it } from "vitest";
import type { EffectAnswer } from "../town.ts";
import { harness, outcome, PERSON, type Harness } from "./harness.ts";

const SEEDS = 25;
const STEPS = 60;

/** mulberry32: small, seeded, good enough to choose faults. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

function troubled(h: Harness, next: () => number): void {
  const pick = <T>(values: readonly [T, ...T[]]): T =>
    values[Math.floor(next() * values.length)] ?? values[0];
  const sometimes = (probability: number): boolean => next() < probability;
  const trouble = (): EffectAnswer | "lost" | null => {
    if (sometimes(0.1)) return "lost";
    if (sometimes(0.1)) return { type: "retry", message: "timeout", counted: sometimes(0.5) };
    return null;
  };
  const merges: [() => EffectOutcome, ...(() => EffectOutcome)[]] = [
    () => ({ outcome: "merged", commit: h.sha(), already: false }),
    () => ({ outcome: "merged", commit: h.sha(), already: true }),
    () => ({ outcome: "head_moved", head: h.sha() }),
    () => ({ outcome: "conflict", files: ["a"] }),
    () => ({ outcome: "race_lost" }),
    () => ({ outcome: "rejected", reason: "no" }),
    () => ({ outcome: "error", message: "disk" }),
    () => ({ outcome: "withdrawn" }),
  ];
  h.on.start_session = () =>
    trouble() ??
    (sometimes(0.15)
      ? {
          type: "refused",
          reason: {
            code: pick(["tools_missing", "draining", "runtime_missing", "missing_ref"]),
            message: "no",
          },
        }
      : { type: "done" });
  h.on.merge = () =>
    trouble() ?? outcome((sometimes(0.5) ? merges[0] : pick(merges))?.() ?? { outcome: "withdrawn" });
  h.on.run_gates = (request) =>
    trouble() ??
    outcome({
      outcome: "gates_done",
      gates: request.body.gates.map((gate) => ({
        name: gate.name,
        exit_code: sometimes(0.2) ? 1 : 0,
        duration_ms: 1,
        required: true,
        log_tail: "",
      })),
    });
  h.on.branch = () => trouble() ?? outcome({ outcome: "branch_done", head_sha: h.sha() });
}

function step(h: Harness, next: () => number): void {
  const pick = <T>(values: readonly T[]): T | undefined => values[Math.floor(next() * values.length)];
  const tolerant = (fn: () => unknown): void => {
    try {
      fn();
    } catch (error) {
      if (!(error instanceof Error && error.name === "GastownError")) throw error;
    }
  };
  const bead = pick(h.town.beads({ type: ["issue"] }, { limit: 100 }).items);
  const session = pick(h.town.sessions({ live: true }));
  const convoy = pick(h.town.convoys({}));
  const escalation = pick(h.town.escalations({ open: true }));
  const actions: (() => unknown)[] = [
    () => h.advance(Math.floor(1_000 + next() * 120_000)),
    () => h.advance(Math.floor(600_000 * next())),
    () => h.restart(),
    () => h.town.registerRunner("run_00000000000000000000000002"),
    () =>
      session &&
      end(h, session.id, pick(["completed", "failed", "refused", "evicted", "stopped"]) ?? "failed"),
    () => session && h.town.stopSession(session.id, "now", "chaos", PERSON),
    () =>
      session?.role === "refinery" &&
      h.town.giveVerdict(session.id, { kind: "request_changes", feedback: "no", files: [] }),
    () =>
      bead &&
      h.town.closeBead(bead.id, pick(["cancelled", "waived", "done_elsewhere"]) ?? "cancelled", "", PERSON),
    () => bead && h.town.failBead(bead.id, "chaos", PERSON),
    () => bead && h.town.retryBead(bead.id, { fresh: next() < 0.5, note: "" }, PERSON),
    () => bead && h.town.holdBead(bead.id, PERSON),
    () => bead && h.town.startBead(bead.id, PERSON),
    () => convoy && next() < 0.1 && h.town.closeConvoy(convoy.id, "", PERSON),
    () => convoy && h.town.retryConvoy(convoy.id, PERSON),
    () =>
      escalation &&
      h.town.resolveEscalation(escalation.id, { choice: pick(escalation.choices)?.id ?? "ignore" }, PERSON),
    () => h.town.messageMayor("hello", PERSON),
    () => (next() < 0.5 ? h.town.pause("chaos", PERSON) : h.town.resume(PERSON)),
    () => h.town.sling(h.rig, { title: `extra ${Math.floor(next() * 1e6)}` }, { held: false }, PERSON),
  ];
  const action = pick(actions);
  if (action) tolerant(action);
}

function end(h: Harness, sessionId: string, how: SessionEnded["outcome"]): void {
  h.town.post({
    type: "session_ended",
    sessionId,
    ended: {
      epoch: h.town.session(sessionId).epoch,
      outcome: how,
      reason: { code: "chaos", message: "because" },
      work_ref: null,
      usage: { tokens_in: 0, tokens_out: 0, usd: 0, usd_known: false },
    },
  });
}

function slingAll(h: Harness): void {
  h.town.setRigConfig(h.rig, { review: { gates: ["test"] } }, PERSON);
  const tasks = [
    { title: "a" },
    { title: "b", dependsOn: [0] },
    { title: "c", dependsOn: [0] },
    { title: "d", dependsOn: [1, 2] },
  ];
  h.town.slingConvoy({ title: "one", rigId: h.rig, tasks, staged: false }, PERSON);
  h.town.slingConvoy({ title: "two", rigId: h.rig, tasks, staged: false, mode: "review-and-merge" }, PERSON);
  for (const title of ["x", "y"]) h.town.sling(h.rig, { title }, { held: false }, PERSON);
}

/** Everything is over, or says what it waits for. */
function unexplained(h: Harness): string[] {
  const open = h.town.beads(
    { status: ["open", "in_progress", "in_review"], type: ["issue"] },
    { limit: 200 },
  ).items;
  return open.filter((bead) => !bead.waitingOn).map((bead) => `${bead.title} is ${bead.status}`);
}

describe("chaos", () => {
  it.each(Array.from({ length: SEEDS }, (_, seed) => seed))(
    "seed %i",
    (seed) =>
      withSql((sql) => {
        const next = random(seed + 1);
        const h = harness(sql);
        troubled(h, next);
        slingAll(h);
        for (let i = 0; i < STEPS; i++) {
          step(h, next);
          h.settle();
          expect({ step: i, violations: h.town.checkInvariants() }).toEqual({ step: i, violations: [] });
        }
        for (const kind of ["start_session", "merge", "run_gates", "branch"] as const) delete h.on[kind];
        h.town.resume(PERSON);
        h.advance(12 * 3_600_000);
        expect(h.town.checkInvariants()).toEqual([]);
        expect(unexplained(h)).toEqual([]);
        expect(h.town.status()).toMatchObject({ inbox: { pending: 0, dead: 0 } });
        expect(h.town.feed({ limit: 5, kind: "reconciler." })).toEqual([]);
      }),
    60_000,
  );
});
