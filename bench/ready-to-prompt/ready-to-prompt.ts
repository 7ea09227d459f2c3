/**
 * ready-to-prompt: from the moment when nothing keeps a bead from starting until its agent has its
 * prompt, with a warm pool and a warm worktree, over real HTTP and ACP. Beads come one after the
 * other, so that a slot is free and no two starts share the machine.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { BenchTown } from "../lib/bench-town.ts";
import type { Benchmark, BenchContext, Figures } from "../lib/benchmark.ts";
import { makeRepository } from "../lib/repository.ts";
import { median, percentile, rounded } from "../lib/statistics.ts";
import { costs, readTimelines, type Timeline } from "./timeline.ts";

const WARM_UP = 10;
const SAMPLES = 120;
const AGENTS = 2;
const MAX_P50_MS = 100;
const MAX_P99_MS = 400;
/** For the runner to save what the last session left: the next start shall have the machine alone. */
const REST_MS = 150;
const LIMIT_MS = 150_000;

export const readyToPrompt: Benchmark = {
  id: "ready-to-prompt",
  measures: "a bead becomes ready → its scripted agent has the prompt (warm pool, real HTTP and ACP)",
  target: `p50 ≤ ${MAX_P50_MS} ms, p99 ≤ ${MAX_P99_MS} ms`,
  run: async (context) => {
    const root = mkdtempSync(join(tmpdir(), "gastown-bench-"));
    try {
      return figures(context, await measured(context, root));
    } finally {
      rmSync(root, { recursive: true, force: true, maxRetries: 5 });
    }
  },
};

async function measured({ signal, note }: BenchContext, root: string): Promise<Timeline[]> {
  const remote = makeRepository(root, "town");
  const limited = AbortSignal.any([signal, AbortSignal.timeout(LIMIT_MS)]);
  const town = await BenchTown.open({ root: join(root, "host"), remote, agents: AGENTS, signal: limited });
  try {
    note(`${WARM_UP} starts to warm up, then ${SAMPLES}`);
    await oneAfterTheOther(town, WARM_UP + SAMPLES, limited);
  } finally {
    await town.close();
  }
  return readTimelines(town.databasePath).slice(WARM_UP);
}

/** Slings the next bead when the last one's session has ended and its agent is free. */
async function oneAfterTheOther(town: BenchTown, beads: number, signal: AbortSignal): Promise<void> {
  const ended = new AbortController();
  const next = (i: number): Promise<void> => town.sling(`Bead ${i}`, [{ done: { no_changes: true } }]);
  let slung = 0;
  const opened = (): void => {
    slung = 1;
    next(0).catch((error: unknown) => ended.abort(error));
  };
  try {
    for await (const { kind } of town.events(opened, AbortSignal.any([signal, ended.signal]))) {
      if (kind !== "session.ended") continue;
      if (slung === beads) return;
      await pause(REST_MS, undefined, { signal });
      await next(slung);
      slung += 1;
    }
  } finally {
    ended.abort();
  }
  signal.throwIfAborted();
  throw new Error(`The town's feed ended after ${slung} of ${beads} starts.`);
}

function figures({ note }: BenchContext, timelines: readonly Timeline[]): Figures {
  if (timelines.length < SAMPLES) throw new Error(`only ${timelines.length} starts can be read`);
  const total = timelines.map(({ ready, heard }) => heard - ready);
  const [p50, p99] = [median(total), percentile(total, 0.99)];
  const steps = costs(timelines).flatMap(([name, ms]) =>
    ms.length === 0 ? [] : [[`of it ${name}: p50 ms`, rounded(median(ms))] as const],
  );
  const sent = median(timelines.map(({ ready, prompted }) => prompted - ready));
  note(`the runner sent the prompt ${sent} ms after the bead was ready (p50)`);
  return {
    values: {
      samples: timelines.length,
      "p50 ms": rounded(p50),
      "p99 ms": rounded(p99),
      "worst ms": rounded(Math.max(...total)),
      ...Object.fromEntries(steps),
    },
    pass: p50 <= MAX_P50_MS && p99 <= MAX_P99_MS,
  };
}
