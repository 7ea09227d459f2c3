/** Figures over many seeds, as `npm run sim -- --json` gives them (spec/quality.md). */
import type { FaultKind } from "../kernel/faults.ts";
import { DAY } from "../kernel/timeline.ts";
import type { Result } from "../simulate.ts";

export interface FoundViolation {
  seed: number;
  invariant: number;
  what: string;
  /** The command that shows it again. */
  replay: string;
}

export interface Totals {
  seeds: number;
  virtual_days: number;
  ticks: number;
  /** Transactions after which the invariants were looked at. */
  steps: number;
  faults: Partial<Record<FaultKind, number>>;
  beads: number;
  merges: number;
  violations: FoundViolation[];
}

export function noTotals(): Totals {
  return { seeds: 0, virtual_days: 0, ticks: 0, steps: 0, faults: {}, beads: 0, merges: 0, violations: [] };
}

/** Adds one seed's result. */
export function addTo(totals: Totals, result: Result, replay: string): void {
  totals.seeds++;
  totals.virtual_days += result.virtualMs / DAY;
  totals.ticks += result.ticks;
  totals.steps += result.steps;
  totals.beads += result.beads;
  totals.merges += result.merges;
  for (const [kind, count] of Object.entries(result.faults) as [FaultKind, number][])
    totals.faults[kind] = (totals.faults[kind] ?? 0) + count;
  if (result.violation) totals.violations.push({ seed: result.seed, ...result.violation, replay });
}
