/** What goes wrong, how often, and how often it did. Each kind draws from a source of its own. */
import type { Random } from "./random.ts";

/** Every fault with the chance of one occasion at intensity 1. */
const FAULTS = {
  // Calls between host, runner and agents.
  request_lost: 0.04,
  request_late: 0.03,
  request_doubled: 0.04,
  answer_lost: 0.06,
  answer_late: 0.03,
  heartbeat_lost: 0.1,
  // Processes and machines.
  host_crash: 0.004,
  /** Host, runners and agents are gone at once, and what was committed since the last flush as well. */
  power_loss: 0.001,
  runner_crash: 0.002,
  runner_unnoticed: 0.5,
  /** A runner goes on without a session, or without a piece of work that it had taken, and says nothing. */
  session_forgotten: 0.01,
  work_forgotten: 0.03,
  two_runners: 0.15,
  disk_lost: 0.2,
  machine_asleep: 0.05,
  host_stalled: 0.05,
  clock_forward: 0.03,
  clock_back: 0.03,
  // Agents.
  agent_crash: 0.06,
  agent_hang: 0.03,
  agent_silent_end: 0.06,
  agent_endless: 0.02,
  agent_lies: 0.1,
  agent_no_change: 0.05,
  agent_red: 0.12,
  agent_escalates: 0.04,
  review_rejects: 0.2,
  review_silent: 0.1,
  // Starts and git.
  start_refused: 0.08,
  rig_broken: 0.15,
  push_auth: 0.02,
  push_network: 0.05,
  branch_touched: 0.05,
  target_touched: 0.15,
  target_red: 0.03,
  gate_broken: 0.05,
  merge_error: 0.05,
  merge_rejected: 0.02,
  // Forges, and people on them.
  forge_error: 0.05,
  forge_limited: 0.02,
  forge_forbidden: 0.003,
  forge_garbage: 0.02,
  forge_unknown: 0.03,
  forge_head_moved: 0.05,
  forge_check_red: 0.1,
  forge_comment: 0.3,
  forge_changes_requested: 0.1,
  forge_draft: 0.05,
  forge_closed: 0.05,
  forge_merged: 0.05,
  // People.
  person_config: 0.5,
  person_pause: 0.3,
  person_drain: 0.3,
  person_cancel: 0.4,
  person_fail: 0.2,
  person_retry: 0.6,
  person_hold: 0.4,
  person_stop: 0.4,
  person_convoy: 0.15,
  person_answer: 0.9,
  // At the end of the list: what a seed draws of the others stays the same.
  model_down: 0.05,
  agent_asks: 0.05,
} as const;

export type FaultKind = keyof typeof FAULTS;
export const FAULT_KINDS = Object.keys(FAULTS) as FaultKind[];

export interface FaultPlan {
  /** Factor on the chance of each kind; a kind that is missing never happens. */
  intensity: Readonly<Partial<Record<FaultKind, number>>>;
  /** Occasions (by number, over all kinds) that are passed over: how a failing run is made smaller. */
  muted: ReadonlySet<number>;
}

export class Faults {
  readonly counts: Partial<Record<FaultKind, number>> = {};
  /** How many occasions were taken or muted so far: the number of the next one. */
  occasions = 0;
  #stopped = false;
  readonly #plan: FaultPlan;
  readonly #sources: Partial<Record<FaultKind, Random>> = {};
  readonly #happened: (kind: FaultKind, occasion: number) => void;

  constructor(plan: FaultPlan, random: Random, happened: (kind: FaultKind, occasion: number) => void) {
    this.#plan = plan;
    this.#happened = happened;
    for (const kind of FAULT_KINDS)
      if (plan.intensity[kind] !== undefined) this.#sources[kind] = random.fork(kind);
  }

  /** Whether it goes wrong now. */
  hit(kind: FaultKind): boolean {
    const source = this.#sources[kind];
    if (this.#stopped || !source) return false;
    if (!source.chance(FAULTS[kind] * (this.#plan.intensity[kind] ?? 0))) return false;
    const occasion = this.occasions++;
    if (this.#plan.muted.has(occasion)) return false;
    this.counts[kind] = (this.counts[kind] ?? 0) + 1;
    this.#happened(kind, occasion);
    return true;
  }

  /** From now on everything works: the town has to come to rest. */
  stop(): void {
    this.#stopped = true;
  }

  get stopped(): boolean {
    return this.#stopped;
  }
}
