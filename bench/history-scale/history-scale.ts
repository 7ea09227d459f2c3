/**
 * history-scale: what is over costs nothing. A town with a long past and much to do, and one with next to
 * nothing, take turns within one run. A tick must take as long in both. What people read says more of a town
 * with more to do; there the figure is how long they wait.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Town } from "@gastown/town";
import { nodeSql, sqlOptions } from "../../apps/node/src/storage/node-sql.ts";
import { harness, type Harness } from "../../packages/town/src/scenarios/harness.ts";
import type { Benchmark, BenchContext, Figures } from "../lib/benchmark.ts";
import { median, percentile, rounded } from "../lib/statistics.ts";
import { addLiveBeads, type LiveBeads } from "../tick-scale/live-beads.ts";
import { addClosedBeads } from "./closed-beads.ts";

const LONG = { closed: 100_000, live: 5_000 };
const EMPTY = { closed: 1, live: 100 };
const ROUNDS = 1_000;
const WARM_UP = 200;
const MAX_RATIO = 1.5;
const MAX_READ_MS = 20;

export const historyScale: Benchmark = {
  id: "history-scale",
  measures: `a tick and what people read, with ${LONG.closed} closed and ${LONG.live} live beads and with ${EMPTY.live}`,
  target: `a tick ≤ ${MAX_RATIO} × that of the nearly empty town; p99 of each read ≤ ${MAX_READ_MS} ms`,
  run: (context) => {
    const folder = mkdtempSync(join(tmpdir(), "gastown-bench-"));
    const towns: OldTown[] = [];
    const made = (size: typeof LONG): OldTown => {
      const town = new OldTown(context, folder, size);
      towns.push(town);
      return town;
    };
    try {
      return Promise.resolve(measured(context, [made(LONG), made(EMPTY)]));
    } finally {
      for (const town of towns) town.close();
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

const READS: Readonly<Record<string, (town: Town) => unknown>> = {
  "the first page of beads": (town) => town.beads({}, { limit: 50 }),
  "its status": (town) => town.status(),
  "the live sessions": (town) => town.sessions({ live: true }),
  "the open questions": (town) => town.escalations({ open: true }),
};

class OldTown {
  readonly h: Harness;
  readonly #db: DatabaseSync;
  readonly #live: LiveBeads;

  constructor({ note, signal }: BenchContext, folder: string, { closed, live }: typeof LONG) {
    signal.throwIfAborted();
    const began = performance.now();
    this.#db = new DatabaseSync(join(folder, `${closed}.sqlite`), sqlOptions);
    this.#db.exec("pragma journal_mode = wal; pragma synchronous = normal;");
    this.h = harness(nodeSql(this.#db));
    addClosedBeads(this.h, closed);
    this.#live = addLiveBeads(this.h.sql, [this.h.rig], live, this.h.now());
    const wrong = this.h.town.checkInvariants();
    if (wrong.length > 0)
      throw new Error(`this is not a possible town: ${JSON.stringify(wrong).slice(0, 1_000)}`);
    note(`${closed} closed and ${live} live beads in ${Math.round(performance.now() - began)} ms`);
  }

  close(): void {
    this.#db.close();
  }

  /** One bead is looked at that goes on waiting; how long the tick took, in milliseconds. */
  tick(round: number): number {
    const { blocked, held } = this.#live.ids;
    const ids = round % 2 === 0 ? blocked : held;
    this.h.sql.run(
      "insert or replace into schedule (kind, id, due_at) values ('bead', ?, ?)",
      ids[(round * 7_919) % ids.length] ?? "",
      this.h.now(),
    );
    const began = performance.now();
    const { ran } = this.h.town.tick();
    const ms = performance.now() - began;
    if (ran !== 1) throw new Error(`a tick ran ${ran} controllers`);
    return ms;
  }

  read(what: (town: Town) => unknown): number {
    const began = performance.now();
    what(this.h.town);
    return performance.now() - began;
  }
}

function measured({ signal }: BenchContext, [long, empty]: readonly [OldTown, OldTown]): Figures {
  const inTurns = (measure: (town: OldTown, round: number) => number): [long: number[], empty: number[]] => {
    const samples: [number[], number[]] = [[], []];
    for (let round = 0; round < WARM_UP + ROUNDS; round += 1) {
      signal.throwIfAborted();
      const times = [measure(long, round), measure(empty, round)] as const;
      if (round >= WARM_UP) for (const i of [0, 1] as const) samples[i].push(times[i]);
    }
    return samples;
  };
  for (const town of [long, empty]) town.h.town.tick();
  const [longTicks, emptyTicks] = inTurns((town, round) => town.tick(round));
  const ratio = median(longTicks) / median(emptyTicks);
  const reads = Object.entries(READS).map(([name, what]) => {
    const [times, few] = inTurns((town) => town.read(what));
    return { name, p50: median(times), p99: percentile(times, 0.99), few: median(few) };
  });
  return {
    values: {
      "a tick: p50 ms": rounded(median(longTicks)),
      "a tick: ÷ the nearly empty town's": rounded(ratio),
      ...Object.fromEntries(
        reads.flatMap(({ name, p50, p99, few }) => [
          [`${name}: p50 ms (nearly empty: ${rounded(few)})`, rounded(p50)],
          [`${name}: p99 ms`, rounded(p99)],
        ]),
      ),
    },
    pass: ratio <= MAX_RATIO && reads.every(({ p99 }) => p99 <= MAX_READ_MS),
  };
}
