/**
 * convoy-scale: a whole convoy through the engine, from the sling to the landing, on a database on disk
 * with an in-memory runner that does at once what it is asked. Convoys of both sizes take turns within
 * one run, so that what else the machine does hits both; the ratio of their medians is the figure.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { nodeSql, sqlOptions } from "../../apps/node/src/storage/node-sql.ts";
import { harness, PERSON } from "../../packages/town/src/scenarios/harness.ts";
import type { Benchmark, BenchContext, Figures } from "../lib/benchmark.ts";
import { median, rounded } from "../lib/statistics.ts";

const [SMALL, LARGE] = [100, 1_000];
const ROUNDS = 3;
/** No further round begins after this, in milliseconds. */
const ENOUGH_MS = 120_000;
const MAX_GROWTH = 1.3;
const AGENTS = 20;

export const convoyScale: Benchmark = {
  id: "convoy-scale",
  measures: `a convoy of ${SMALL} and one of ${LARGE} beads through the engine, in-memory runner`,
  target: `time per bead grows ≤ ${MAX_GROWTH} × from ${SMALL} to ${LARGE}`,
  run: (context) => {
    const folder = mkdtempSync(join(tmpdir(), "gastown-bench-"));
    try {
      return Promise.resolve(measured(context, folder));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

interface Sample {
  readonly msPerBead: number;
  readonly decisions: number;
  readonly ms: number;
}

function measured({ note, signal }: BenchContext, folder: string): Figures {
  convoyOf(folder, SMALL, "warm-up");
  const small: Sample[] = [];
  const large: Sample[] = [];
  const enough = performance.now() + ENOUGH_MS;
  for (let round = 1; round <= ROUNDS && (round === 1 || performance.now() < enough); round += 1) {
    signal.throwIfAborted();
    // As many small ones beside a large one, for both to last long enough.
    for (let i = 0; i < LARGE / SMALL; i += 1) small.push(convoyOf(folder, SMALL, `${round}-small-${i}`));
    large.push(convoyOf(folder, LARGE, `${round}-large`));
    note(`round ${round} is over`);
  }
  const perBead = (samples: readonly Sample[]): number => median(samples.map(({ msPerBead }) => msPerBead));
  const growth = perBead(large) / perBead(small);
  const rate = median(large.map(({ decisions, ms }) => (1_000 * decisions) / ms));
  return {
    values: {
      [`ms per bead of ${SMALL}`]: rounded(perBead(small)),
      [`ms per bead of ${LARGE}`]: rounded(perBead(large)),
      "growth per bead": rounded(growth),
      [`decisions for ${LARGE} beads`]: large[0]?.decisions ?? 0,
      "decisions per second": rounded(rate),
    },
    pass: growth <= MAX_GROWTH,
  };
}

/** Throws when the convoy has not landed, or the town breaks an invariant. */
function convoyOf(folder: string, beads: number, name: string): Sample {
  const db = new DatabaseSync(join(folder, `${name}.sqlite`), sqlOptions);
  try {
    db.exec("pragma journal_mode = wal; pragma synchronous = normal;");
    const h = harness(nodeSql(db));
    h.town.setConfig({ limits: { max_agents: AGENTS, max_polecats_per_rig: AGENTS } }, PERSON);
    h.settle();
    h.decisions = 0;
    const began = performance.now();
    const convoy = h.town.slingConvoy({ title: name, rigId: h.rig, tasks: tasksOf(beads) }, PERSON);
    h.settle(20 * beads);
    const ms = performance.now() - began;
    const { state } = h.town.convoy(convoy.id);
    if (state !== "landed") throw new Error(`the convoy of ${beads} is ${state}`);
    const broken = h.town.checkInvariants();
    if (broken.length > 0) throw new Error(JSON.stringify(broken));
    return { msPerBead: ms / beads, decisions: h.decisions, ms };
  } finally {
    db.close();
  }
}

/** Each but the first ten waits for two earlier ones: the graph is as wide and as deep in both sizes. */
function tasksOf(beads: number): { title: string; dependsOn: number[] }[] {
  return Array.from({ length: beads }, (_, i) => ({
    title: `Task ${i}`,
    dependsOn: i < 10 ? [] : [i - 10, i - 7],
  }));
}
