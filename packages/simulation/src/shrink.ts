/**
 * Makes a failing scenario smaller while it still breaks the same invariant: whole kinds of fault
 * first, then less work and less time, then single faults (delta debugging).
 */
import { FAULT_KINDS, type FaultKind } from "./kernel/faults.ts";
import type { Scenario, ScenarioChanges } from "./scenario.ts";
import type { Result } from "./simulate.ts";

export interface ShrinkPorts {
  /** Runs the seed with these changes. */
  run: (changes: ScenarioChanges) => Result;
  scenario: Scenario;
  /** Stops early when it says so; what was found until then is the answer. */
  enough?: () => boolean;
}

export interface Shrunk {
  changes: ScenarioChanges;
  result: Result;
}

export function shrink(failing: Result, start: ScenarioChanges, ports: ShrinkPorts): Shrunk {
  const best: Shrunk = { changes: { ...start }, result: failing };
  const better = (changes: ScenarioChanges): boolean => {
    if (ports.enough?.() === true) return false;
    const result = ports.run(changes);
    if (result.violation?.invariant !== failing.violation?.invariant) return false;
    best.changes = changes;
    best.result = result;
    return true;
  };
  dropKinds(best, ports.scenario, better);
  for (const key of ["convoys", "beads", "rigs"] as const) dropWork(best, ports.scenario, key, better);
  dropOccasions(best, better);
  return best;
}

/** A kind less, one after the other; first everything at once. */
function dropKinds(best: Shrunk, scenario: Scenario, better: (changes: ScenarioChanges) => boolean): void {
  if (better({ ...best.changes, faults: [] })) return;
  for (const kind of FAULT_KINDS.filter((one) => scenario.faults.intensity[one] !== undefined)) {
    const kept: readonly FaultKind[] = best.changes.faults ?? FAULT_KINDS;
    if (kept.includes(kind)) better({ ...best.changes, faults: kept.filter((other) => other !== kind) });
  }
}

function dropWork(
  best: Shrunk,
  scenario: Scenario,
  key: "convoys" | "beads" | "rigs",
  better: (changes: ScenarioChanges) => boolean,
): void {
  const least = key === "rigs" ? 1 : 0;
  for (let n = (best.changes[key] ?? scenario[key]) - 1; n >= least; n--)
    if (!better({ ...best.changes, [key]: n })) return;
}

/** Mutes halves, quarters … single faults. What is muted keeps its number, so the rest stays itself. */
function dropOccasions(best: Shrunk, better: (changes: ScenarioChanges) => boolean): void {
  for (
    let size = Math.ceil(best.result.occasions / 2);
    size >= 1;
    size = size === 1 ? 0 : Math.ceil(size / 2)
  ) {
    for (let from = 0; from < best.result.occasions; from += size) {
      const muted = new Set(best.changes.muted);
      const before = muted.size;
      for (let i = from; i < from + size; i++) muted.add(i);
      if (muted.size > before) better({ ...best.changes, muted: [...muted] });
    }
  }
}
