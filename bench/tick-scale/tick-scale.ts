/**
 * tick-scale: decision 3 of ARCHITECTURE.md says that a tick costs what is due, never what exists.
 * Three towns of very different size take turns within one run, so that whatever else the machine
 * does hits all of them alike; the ratio of their medians is the figure.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Benchmark, BenchContext, Figures } from "../lib/benchmark.ts";
import { median, percentile, rounded } from "../lib/statistics.ts";
import { MeasuredTown, type TimedTick } from "./measured-town.ts";

const SIZES = [1_000, 10_000, 100_000];
const WARM_UP = 300;
const TICKS = 3_000;
/** Fewer than the smallest town has ready beads for. */
const DISPATCHES = 120;
const MAX_RATIO = 1.5;
const MAX_P99_MS = 1;

type Samples = ReadonlyMap<MeasuredTown, readonly TimedTick[]>;

export const tickScale: Benchmark = {
  id: "tick-scale",
  measures: "time of a tick with 1 due entity and 1 k, 10 k, 100 k live beads",
  target: `100 k ÷ 1 k ≤ ${MAX_RATIO}; p99 ≤ ${MAX_P99_MS} ms`,
  run: (context) => {
    const folder = mkdtempSync(join(tmpdir(), "gastown-bench-"));
    const towns: MeasuredTown[] = [];
    try {
      for (const size of SIZES) towns.push(prepared(context, folder, size));
      return Promise.resolve(measured(context, towns));
    } finally {
      for (const town of towns) town.close();
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

function prepared({ note, signal }: BenchContext, folder: string, size: number): MeasuredTown {
  signal.throwIfAborted();
  const began = performance.now();
  const town = new MeasuredTown(folder, size);
  const wrong = size === SIZES[0] ? town.town.checkInvariants() : [];
  if (wrong.length > 0) throw new Error(`the prepared town is not a possible one: ${JSON.stringify(wrong)}`);
  note(`${size} live beads in ${Math.round(performance.now() - began)} ms`);
  return town;
}

function measured({ note, signal }: BenchContext, towns: readonly MeasuredTown[]): Figures {
  inTurns(towns, WARM_UP, oneDue, signal);
  const single = inTurns(towns, TICKS, oneDue, signal);
  const dispatching = inTurns(towns, DISPATCHES, dispatch, signal);
  const ratio = growth(towns, single);
  const whole = [...single.values()].flat();
  const interrupted = whole.filter((tick) => tick.interrupted).length / whole.length;
  note(`${(100 * interrupted).toFixed(1)} % of the ticks were interrupted by other processes`);
  const worst = Math.max(...[...single.values()].map((ticks) => percentile(times(undisturbed(ticks)), 0.99)));
  return {
    values: {
      ...figures("tick", single),
      ...figures("dispatching tick", dispatching),
      "p50 of 100 k ÷ 1 k": rounded(ratio),
      "dispatching: p50 of 100 k ÷ 1 k": rounded(growth(towns, dispatching)),
      "worst p99 ms, interrupted ticks left out": rounded(worst),
      "interrupted ticks %": rounded(100 * interrupted),
    },
    pass: ratio <= MAX_RATIO && worst <= MAX_P99_MS,
  };
}

/** One tick of each town after the other, over and over. */
function inTurns(
  towns: readonly MeasuredTown[],
  rounds: number,
  tick: (town: MeasuredTown, round: number) => TimedTick,
  signal: AbortSignal,
): Samples {
  const samples = new Map(towns.map((town) => [town, new Array<TimedTick>()]));
  for (let round = 0; round < rounds; round += 1) {
    signal.throwIfAborted();
    for (const [town, ticks] of samples) ticks.push(tick(town, round));
  }
  return samples;
}

/** Looks again at one bead that goes on waiting; another one each time, all over the table. */
function oneDue(town: MeasuredTown, round: number): TimedTick {
  const { blocked, held, cooldown } = town.beads.ids;
  const ids = [blocked, held, cooldown][round % 3] ?? blocked;
  town.makeDue("bead", ids[(round * 7_919) % ids.length] ?? "");
  const tick = town.timedTick();
  if (tick.ran === 1 && tick.applied === 0) return tick;
  throw new Error(`a tick ran ${tick.ran} controllers and applied ${tick.applied} facts`);
}

/** A session has ended: its bead is ready again, and the best that is ready gets its slot. */
function dispatch(town: MeasuredTown): TimedTick {
  town.freeSlot();
  const before = liveSessions(town);
  const tick = town.timedTick();
  if (tick.applied !== 1 || liveSessions(town) !== before) throw new Error("the tick dispatched nothing");
  town.settle();
  return tick;
}

function liveSessions(town: MeasuredTown): number {
  return town.town.sessions({ live: true }).length;
}

/** All of them where nothing was left undisturbed. */
function undisturbed(ticks: readonly TimedTick[]): readonly TimedTick[] {
  const quiet = ticks.filter((tick) => !tick.interrupted);
  return quiet.length === 0 ? ticks : quiet;
}

function times(ticks: readonly TimedTick[]): number[] {
  return ticks.map(({ ms }) => ms);
}

function growth(towns: readonly MeasuredTown[], samples: Samples): number {
  const of = (town: MeasuredTown | undefined): number => median(times((town && samples.get(town)) ?? []));
  return of(towns.at(-1)) / of(towns[0]);
}

function figures(what: string, samples: Samples): Record<string, number> {
  const entries = [...samples].flatMap(([{ size }, ticks]) => [
    [`${what}, ${size / 1_000} k: p50 ms`, rounded(median(times(ticks)))] as const,
    [`${what}, ${size / 1_000} k: p99 ms`, rounded(percentile(times(ticks), 0.99))] as const,
  ]);
  return Object.fromEntries(entries);
}
