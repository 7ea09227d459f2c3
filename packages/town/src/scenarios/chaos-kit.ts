/** What the chaos suites share: a seeded source, people and sessions that do anything, what must hold at the end. */
import type { SessionEnded } from "@gastown/protocol";
import { PERSON, type Harness } from "./harness.ts";

/** mulberry32: small, seeded, good enough to choose faults. */
export function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Does it, and lets the town say no. */
export function tolerant(fn: () => unknown): void {
  try {
    fn();
  } catch (error) {
    if (!(error instanceof Error && error.name === "GastownError")) throw error;
  }
}

export function step(h: Harness, next: () => number): void {
  const pick = <T>(values: readonly T[]): T | undefined => values[Math.floor(next() * values.length)];
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

export function slingAll(h: Harness): void {
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
export function unexplained(h: Harness): string[] {
  const open = h.town.beads(
    { status: ["open", "in_progress", "in_review"], type: ["issue"] },
    { limit: 200 },
  ).items;
  return open.filter((bead) => !bead.waitingOn).map((bead) => `${bead.title} is ${bead.status}`);
}
