/** What one seed stands for. Everything in it follows from the seed and can be made smaller by hand. */
import type { Budget, RigConfig, TownConfig } from "@gastown/protocol";
import { FAULT_KINDS, type FaultKind, type FaultPlan } from "./kernel/faults.ts";
import { Random } from "./kernel/random.ts";

export interface Scenario {
  seed: number;
  /** Virtual days with faults; then everything works, until the town has come to rest. */
  days: number;
  rigs: number;
  beads: number;
  convoys: number;
  faults: FaultPlan;
  town: TownConfig;
  rig: RigConfig;
}

export interface ScenarioChanges {
  days?: number | undefined;
  rigs?: number | undefined;
  beads?: number | undefined;
  convoys?: number | undefined;
  /** Only these kinds of fault. */
  faults?: readonly FaultKind[] | undefined;
  /** Occasions that are passed over. */
  muted?: readonly number[] | undefined;
}

/** The scenario of a seed, with what a caller wants otherwise. */
export function scenarioOf(seed: number, changes: ScenarioChanges = {}): Scenario {
  const random = new Random(seed).fork("scenario");
  const drawn = {
    days: random.pick([0.25, 0.5, 0.5, 1]),
    rigs: random.pick([1, 1, 2, 3]),
    beads: random.between(1, 8),
    convoys: random.between(0, 3),
    intensity: intensityOf(random.fork("faults")),
  };
  const kept = changes.faults;
  const intensity =
    kept === undefined
      ? drawn.intensity
      : Object.fromEntries(
          Object.entries(drawn.intensity).filter(([kind]) => kept.some((other) => other === kind)),
        );
  return {
    seed,
    days: changes.days ?? drawn.days,
    rigs: changes.rigs ?? drawn.rigs,
    beads: changes.beads ?? drawn.beads,
    convoys: changes.convoys ?? drawn.convoys,
    faults: { intensity, muted: new Set(changes.muted) },
    town: townConfigOf(random.fork("town")),
    rig: rigConfigOf(random.fork("rig")),
  };
}

/** Some kinds of fault, each at its own intensity: few seeds suffer from everything at once. */
function intensityOf(random: Random): FaultPlan["intensity"] {
  const share = random.pick([0.15, 0.4, 0.7, 1]);
  const intensity: Partial<Record<FaultKind, number>> = {};
  for (const kind of FAULT_KINDS) if (random.chance(share)) intensity[kind] = random.pick([0.3, 1, 1, 2]);
  return intensity;
}

function townConfigOf(random: Random): TownConfig {
  return {
    limits: {
      max_agents: random.pick([2, 4, 12]),
      max_polecats_per_rig: random.pick([1, 2, 4]),
      max_attempts: random.pick([2, 5, 5]),
      parallel_effects: random.pick([1, 2, 8, 8]),
      tick_batch: random.pick([16, 256, 256]),
    },
    on_blocker_failure: random.pick(["hold", "hold", "skip"]),
    ...budgetsOf(random, ["bead", "convoy", "rig", "town_day"]),
  };
}

/** In some towns: up to one budget of each kind, in tokens or in money. */
function budgetsOf<Scope extends string>(
  random: Random,
  scopes: readonly Scope[],
): { budgets?: Partial<Record<Scope, Budget>> } {
  if (!random.chance(0.25)) return {};
  const budgets: Partial<Record<Scope, Budget>> = {};
  for (const scope of scopes) {
    if (!random.chance(0.4)) continue;
    const tokens = random.pick([20_000, 100_000, 1_000_000]);
    const limit = random.chance(0.5) ? { tokens } : { usd: tokens / 100_000 };
    budgets[scope] = { ...limit, hard: random.chance(0.5) };
  }
  return { budgets };
}

export function rigConfigOf(random: Random): RigConfig {
  return {
    ...budgetsOf(random, ["bead", "convoy", "rig"]),
    merge_strategy: random.pick(["direct", "direct", "direct", "pr"]),
    review: {
      mode: random.pick(["rework", "rework", "comments"]),
      auto_merge: random.chance(0.9),
      auto_merge_delay_minutes: random.pick([0, 0, 5, 60, null]),
      auto_resolve_feedback: random.chance(0.7),
      require_checks: random.chance(0.2),
      max_feedback_rounds: random.pick([1, 5]),
      poll_seconds: random.pick([600, 1_800]),
      code_review: random.pick([true, true, false]),
      gates: random.chance(0.6) ? ["test"] : [],
      merge_method: random.pick(["merge", "merge", "squash", "rebase"]),
      auto_resolve_conflicts: random.pick([true, true, false]),
      max_change_rounds: random.pick([1, 3, 5]),
      parallel_reviews: random.pick([1, 1, 3]),
      delete_branch: random.pick([true, false]),
    },
  };
}
