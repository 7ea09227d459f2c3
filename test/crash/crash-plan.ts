/** What happens to a town in one run, and when: drawn from a seed, so that a failing run can be had again. */
import { Random } from "../../packages/simulation/src/kernel/random.ts";

const HOUR = 3_600_000;

export type Fault =
  | { kind: "host" | "runner" | "both" | "agent" | "copy" }
  /** The wall clock is set to another time while everything runs. */
  | { kind: "clock"; byMs: number };

export interface Moment {
  /** After so many events of the town. */
  afterEvents: number;
  /** And so much later, in ms: between two events as well as at one. */
  laterMs: number;
  fault: Fault;
}

const FAULTS = ["host", "host", "runner", "both", "agent", "agent", "agent", "copy", "clock"] as const;
/** A fourth runner within half an hour is not started at once: somebody has to look first (spec/town.md §5). */
const MOST_RUNNERS = 3;

/** Two to five faults over the time in which five beads and a convoy are at work. */
export function crashPlan(seed: number): Moment[] {
  const random = new Random(seed);
  let runners = 0;
  const moments = Array.from({ length: random.between(2, 5) }, (): Moment => {
    const kind = random.pick(FAULTS);
    const ends = kind === "runner" || kind === "both";
    if (ends) runners++;
    return {
      afterEvents: random.between(12, 110),
      laterMs: random.skewed(0, 400),
      fault: faultOf(ends && runners > MOST_RUNNERS ? "host" : kind, random),
    };
  });
  return moments.toSorted((a, b) => a.afterEvents - b.afterEvents);
}

function faultOf(kind: (typeof FAULTS)[number], random: Random): Fault {
  return kind === "clock" ? { kind, byMs: random.pick([-24 * HOUR, 24 * HOUR]) } : { kind };
}

export function told({ afterEvents, laterMs, fault }: Moment): string {
  const what = fault.kind === "clock" ? `clock by ${fault.byMs / HOUR} h` : fault.kind;
  return `${what} at event ${afterEvents} + ${laterMs} ms`;
}
