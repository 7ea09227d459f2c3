/**
 * A town with a fake clock and an in-memory runner that does what it is asked at once. A scenario
 * changes single answers through `on`, and moves time with `advance`; nothing here waits.
 */
import type { Bead, EffectOutcome, HeartbeatSession, SettleResult, Usage } from "@gastown/protocol";
import { openTown } from "../open-town.ts";
import type { Sql } from "../kernel/sql.ts";
import type { Actor, ClaimedEffect, EffectAnswer, EffectRequest, Town } from "../town.ts";

export const PERSON: Actor = { kind: "person", id: "user_local", name: "you" };
const START = 1_790_000_000_000;
const NO_USAGE = { tokens_in: 0, tokens_out: 0, usd: 0, usd_known: false };

type Kind = EffectRequest["kind"];
type RequestOf<K extends Kind> = Extract<EffectRequest, { kind: K }>;
type Handlers = {
  [K in Kind]?: (request: RequestOf<K>, effect: ClaimedEffect) => EffectAnswer | "lost";
};

export interface Harness {
  town: Town;
  sql: Sql;
  now(): number;
  /** Answers of the runner that differ from the obedient one. `lost`: no answer ever comes. */
  on: Handlers;
  /** Every effect that was carried out, in order. */
  carriedOut: EffectRequest[];
  /** Ticks and carries out effects until nothing more happens at this time, which must take fewer rounds. */
  settle(rounds?: number): void;
  /** How many controllers have run: each is one decision. */
  decisions: number;
  /** Moves the clock in steps of its wake times, settling at each. */
  advance(ms: number): void;
  /** Polecats call gt_done as soon as they run, refineries approve; until switched off. */
  auto: { done: boolean; verdict: boolean; heartbeat: boolean };
  /** What heartbeats say of every agent: nothing new of it, and the tools that it runs. */
  agents: {
    silent: boolean;
    tools: string[];
    draining: boolean;
    /** What their model's provider does not answer for. */
    model: NonNullable<HeartbeatSession["waiting_for_model"]> | null;
    /** Keys of providers that the runner has had an answer of. */
    answered: string[];
  };
  /** A session says what it has used in all, now and from now on. */
  cost(session: string, tokens: number, usd?: number): void;
  /** Nudges that agents were given, in order. */
  nudged: { session: string; text: string; urgent: boolean }[];
  rig: string;
  sha(): string;
  session(beadId: string): string;
  statuses(): Record<string, string>;
  bead(title: string): Bead;
  restart(): void;
  /** Sets the wall clock, forwards or backwards, without settling. */
  setClock(ms: number): void;
}

/** The runner was asked for a session that it does not have. */
export const UNKNOWN_THERE: EffectAnswer = {
  type: "refused",
  reason: { code: "session_unknown", message: "not known here" },
};

/** Opens a town with one ready rig. */
export function harness(sql: Sql, options: { ready?: boolean; gitUrl?: string } = {}): Harness {
  let clock = START;
  let counter = 0;
  const ports = {
    sql,
    now: () => clock,
    random: () => digits(++counter),
    fallbackRuntime: "scripted",
  };
  const state = { town: openTown(ports, { id: "town_00000000000000000000000001", name: "test" }) };
  const heads = { n: 0 };
  const live = new Map<string, number>();
  const done = new Set<string>();
  const usages = new Map<string, Usage>();

  const h: Harness = {
    get town() {
      return state.town;
    },
    sql,
    now: () => clock,
    on: {},
    carriedOut: [],
    auto: { done: true, verdict: true, heartbeat: true },
    agents: { silent: false, tools: [], draining: false, model: null, answered: [] },
    nudged: [],
    cost(session, tokens, usd) {
      usages.set(session, { tokens_in: tokens, tokens_out: 0, usd: usd ?? 0, usd_known: usd !== undefined });
      heartbeat();
      h.settle();
    },
    rig: "",
    sha: () => (++heads.n).toString(16).padStart(40, "0"),
    decisions: 0,
    settle(rounds = 500) {
      for (let round = 0; round < rounds; round++) {
        const tick = state.town.tick();
        h.decisions += tick.ran;
        const effects = state.town.claimEffects();
        for (const effect of effects) carryOut(effect);
        const acted = act();
        if (effects.length === 0 && !acted && tick.applied === 0 && tick.ran === 0) return;
      }
      throw new Error("the town did not come to rest");
    },
    advance(ms) {
      const end = clock + ms;
      for (;;) {
        h.settle();
        const next = state.town.nextWakeAt();
        const beat = h.auto.heartbeat && live.size > 0 ? clock + 30_000 : Infinity;
        const at = Math.min(next ?? Infinity, beat, end);
        if (at >= end) break;
        clock = Math.max(at, clock + 1);
        if (h.auto.heartbeat) heartbeat();
      }
      clock = end;
      if (h.auto.heartbeat) heartbeat();
      h.settle();
    },
    session(beadId) {
      const [session] = state.town.sessions({ live: true, beadId });
      if (!session) throw new Error(`no live session at ${beadId}`);
      return session.id;
    },
    statuses: () =>
      Object.fromEntries(
        state.town
          .beads(
            { status: ["open", "in_progress", "in_review", "closed", "failed"], type: ["issue"] },
            { limit: 200 },
          )
          .items.map((bead) => [
            bead.title,
            bead.reason && bead.status !== "open" ? `${bead.status}:${bead.reason}` : bead.status,
          ]),
      ),
    bead(title) {
      const page = state.town.beads(
        { status: ["open", "in_progress", "in_review", "closed", "failed"] },
        { limit: 200 },
      );
      const found = page.items.find((bead) => bead.title === title && bead.type !== "merge_request");
      if (!found) throw new Error(`no bead called ${title}`);
      return found;
    },
    setClock(ms) {
      clock = ms;
    },
    restart() {
      state.town = openTown(ports);
      state.town.hostStarted();
    },
  };

  function answer(effect: ClaimedEffect, result: EffectAnswer): void {
    state.town.post({
      type: "effect_answered",
      effectId: effect.id,
      attempt: effect.attempt,
      answer: result,
    });
  }

  function carryOut(effect: ClaimedEffect): void {
    h.carriedOut.push(effect.request);
    const handler = h.on[effect.request.kind] as
      | ((r: EffectRequest, e: ClaimedEffect) => EffectAnswer | "lost")
      | undefined;
    const result = handler ? handler(effect.request, effect) : obey(effect.request);
    if (result === "lost") return;
    answer(effect, result);
    if (effect.request.kind === "start_session" && result.type === "done") started(effect.request);
  }

  function started(request: RequestOf<"start_session">): void {
    const { session_id, epoch } = request.plan;
    live.set(session_id, epoch);
    state.town.toolsListed(session_id);
    state.town.post({ type: "session_status", sessionId: session_id, epoch, phase: "first_turn" });
  }

  function obey(request: EffectRequest): EffectAnswer {
    switch (request.kind) {
      case "setup_rig":
        return outcome({ outcome: "rig_ready", default_branch: "main", head_sha: h.sha() });
      case "branch":
        return outcome({ outcome: "branch_done", head_sha: h.sha() });
      case "run_gates":
        return outcome({
          outcome: "gates_done",
          gates: request.body.gates.map((gate) => ({
            name: gate.name,
            exit_code: 0,
            duration_ms: 1,
            required: true,
            log_tail: "",
          })),
        });
      case "merge":
        return outcome({ outcome: "merged", commit: h.sha(), already: false });
      case "settle_session":
        settled(request);
        return { type: "accepted" };
      case "poke_session":
        claim(request.sessionId, request.epoch);
        return { type: "done" };
      case "check_session":
        return live.get(request.sessionId) === request.epoch ? { type: "done" } : UNKNOWN_THERE;
      case "stop_session":
        stopped(request);
        return { type: "done" };
      default:
        return { type: "done" };
    }
  }

  function settled(request: RequestOf<"settle_session">): void {
    const session = state.town.session(request.sessionId);
    const result: SettleResult = {
      epoch: request.body.epoch,
      settle_id: request.body.settle_id,
      result: request.body.no_changes ? "nothing_to_push" : "pushed",
      branch: session.branch,
      base_sha: h.sha(),
      head_sha: h.sha(),
      commits: 1,
      additions: 1,
      deletions: 0,
      committed_dirty: false,
      error: null,
    };
    state.town.post({ type: "session_settled", sessionId: request.sessionId, result });
  }

  /** A busy session takes what interrupts, and begins a turn with it. */
  function claim(sessionId: string, epoch: number): void {
    for (const { nudge_id, text, urgent } of state.town.claimNudges(sessionId, epoch, "busy")) {
      h.nudged.push({ session: sessionId, text, urgent });
      state.town.acknowledgeNudge(sessionId, epoch, nudge_id, true);
    }
  }

  function stopped(request: RequestOf<"stop_session">): void {
    if (!live.has(request.sessionId)) return;
    live.delete(request.sessionId);
    state.town.post({
      type: "session_ended",
      sessionId: request.sessionId,
      ended: {
        epoch: request.epoch,
        outcome: "stopped",
        reason: { code: "stopped", message: "" },
        work_ref: null,
        usage: usages.get(request.sessionId) ?? NO_USAGE,
      },
    });
  }

  /** What the agents do by themselves while `auto` is on. */
  function act(): boolean {
    let acted = false;
    for (const session of state.town.sessions({ live: true })) {
      if (session.state !== "running" || done.has(session.id)) continue;
      if (session.role === "polecat" && h.auto.done)
        state.town.requestDone(session.id, { summary: "did it" });
      else if (session.role === "refinery" && h.auto.verdict)
        state.town.giveVerdict(session.id, { kind: "approve", summary: "good" });
      else continue;
      done.add(session.id);
      acted = true;
    }
    return acted;
  }

  function heartbeat(): void {
    if (live.size === 0) return;
    state.town.heartbeat(state.town.runnerEpoch(), {
      instance_id: "run_00000000000000000000000001",
      draining: h.agents.draining,
      models_answered: h.agents.answered,
      sessions: [...live].map(([session_id, epoch]) => ({
        session_id,
        epoch,
        state: "busy" as const,
        last_event_at: h.agents.silent ? null : clock,
        active_tools: h.agents.tools,
        prompted: true,
        usage: usages.get(session_id) ?? NO_USAGE,
        ...(h.agents.model === null ? {} : { waiting_for_model: h.agents.model }),
      })),
    });
  }

  state.town.registerRunner("run_00000000000000000000000001");
  h.rig = state.town.addRig({ name: "app", gitUrl: options.gitUrl ?? "/repo/app.git" }, PERSON).id;
  if (options.ready !== false) h.settle();
  return h;
}

/** Bytes that differ for every number in their leading digits, so that no two ids are ever the same. */
function digits(n: number): Uint8Array {
  return Uint8Array.from({ length: 16 }, (_, i) => (i < 6 ? Math.floor(n / 32 ** (5 - i)) & 31 : 0));
}

export function outcome(value: EffectOutcome): EffectAnswer {
  return { type: "outcome", outcome: value };
}
