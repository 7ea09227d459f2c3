/**
 * `npm run sim -- --seeds N [--seed S] [--days D] [--json]`: whole towns on a virtual clock under seeded
 * faults (docs/simulation.md). With `--json` the last line of standard output is one value. Exit code 0
 * when no invariant was broken, 1 when one was, 2 for a wrong argument.
 */
import { DatabaseSync } from "node:sqlite";
import { parseArgs } from "node:util";
import {
  addTo,
  FAULT_KINDS,
  noTotals,
  scenarioOf,
  shrink,
  simulate,
  traceText,
  type FaultKind,
  type Result,
  type ScenarioChanges,
  type Totals,
} from "../packages/simulation/src/index.ts";
import { nodeSql, sqlOptions } from "../apps/node/src/storage/node-sql.ts";

interface Arguments {
  first: number;
  seeds: number;
  json: boolean;
  changes: ScenarioChanges;
}

/** Time for making one failing seed smaller. */
const SHRINK_MS = 60_000;
/** So many failing seeds are made smaller and shown; the others are only counted. */
const SHOWN = 3;

const OPTIONS = {
  seeds: { type: "string" },
  seed: { type: "string" },
  days: { type: "string" },
  rigs: { type: "string" },
  beads: { type: "string" },
  convoys: { type: "string" },
  faults: { type: "string" },
  muted: { type: "string" },
  json: { type: "boolean" },
} as const;

const note = (text: string): void => void process.stderr.write(`${text}\n`);

class UsageError extends Error {}

/** Throws `UsageError`. */
function readArguments(argv: readonly string[]): Arguments {
  const { values } = parse(argv);
  const seed = numberOf("seed", values.seed, 0);
  const muted = values.muted?.split(",").filter((text) => text !== "");
  return {
    first: seed ?? 1,
    seeds: numberOf("seeds", values.seeds, 1) ?? (seed === undefined ? 100 : 1),
    json: values.json === true,
    changes: {
      days: numberOf("days", values.days, 0),
      rigs: numberOf("rigs", values.rigs, 1),
      beads: numberOf("beads", values.beads, 0),
      convoys: numberOf("convoys", values.convoys, 0),
      faults: values.faults === undefined ? undefined : kindsOf(values.faults),
      muted: muted?.map((text) => numberOf("muted", text, 0) ?? 0),
    },
  };
}

function parse(argv: readonly string[]): ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>> {
  try {
    return parseArgs({ args: [...argv], options: OPTIONS });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function numberOf(name: string, text: string | undefined, least: number): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value) || value < least)
    throw new UsageError(`--${name} wants a number from ${least}, not "${text}".`);
  return value;
}

function kindsOf(text: string): FaultKind[] {
  const names = text.split(",").filter((name) => name !== "");
  return names.map((name) => {
    const kind = FAULT_KINDS.find((known) => known === name);
    if (kind === undefined)
      throw new UsageError(`There is no fault "${name}". There are: ${FAULT_KINDS.join(", ")}.`);
    return kind;
  });
}

function runSeed(seed: number, changes: ScenarioChanges, trace = false): Result {
  const db = new DatabaseSync(":memory:", sqlOptions);
  try {
    return simulate(scenarioOf(seed, changes), nodeSql(db), { trace });
  } finally {
    db.close();
  }
}

/** The command that runs exactly this again. */
function commandOf(seed: number, changes: ScenarioChanges): string {
  const parts = Object.entries(changes).flatMap(([name, value]) =>
    value === undefined
      ? []
      : [`--${name} ${Array.isArray(value) ? value.join(",") || '""' : String(value)}`],
  );
  return ["npm run sim -- --seed", seed, ...parts].join(" ");
}

/** Prints the smallest scenario that was found in time, with its trace. */
function explain(found: Result, changes: ScenarioChanges): void {
  const { seed } = found;
  const until = performance.now() + SHRINK_MS;
  const small = shrink(found, changes, {
    scenario: scenarioOf(seed, changes),
    run: (other) => runSeed(seed, other),
    enough: () => performance.now() > until,
  });
  const traced = runSeed(seed, small.changes, true);
  note(`\nseed ${seed} broke invariant ${found.violation?.invariant}: ${found.violation?.what}`);
  note(`smallest found: ${traced.violation?.what ?? "(gone when every step is checked)"}`);
  note(`${traceText(traced)}\nagain: ${commandOf(seed, small.changes)}\n`);
}

function run({ first, seeds, changes }: Arguments): Totals {
  const totals = noTotals();
  for (let seed = first; seed < first + seeds; seed++) {
    const result = runSeed(seed, changes);
    addTo(totals, result, commandOf(seed, changes));
    if (result.violation && totals.violations.length <= SHOWN) explain(result, changes);
    if (totals.seeds % 100 === 0) note(`${totals.seeds} seeds, ${totals.violations.length} violations`);
  }
  return { ...totals, virtual_days: Math.round(totals.virtual_days * 10) / 10 };
}

function textOf(totals: Totals): string {
  const faults = Object.entries(totals.faults).toSorted(([, a], [, b]) => b - a);
  const sum = faults.reduce((total, [, count]) => total + count, 0);
  return [
    `${totals.seeds} seeds, ${totals.virtual_days} virtual days, ${totals.ticks} ticks, ${totals.steps} transactions`,
    `${totals.beads} beads, ${totals.merges} merges, ${sum} faults: ${faults.map(([kind, count]) => `${kind} ${count}`).join(", ")}`,
    totals.violations.length === 0
      ? "no violation"
      : totals.violations
          .map((one) => `VIOLATION of ${one.invariant} by seed ${one.seed}: ${one.what}`)
          .join("\n"),
  ].join("\n");
}

function main(): number {
  try {
    const args = readArguments(process.argv.slice(2));
    const totals = run(args);
    process.stdout.write(`${args.json ? JSON.stringify(totals) : textOf(totals)}\n`);
    return totals.violations.length === 0 ? 0 : 1;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    note(error.message);
    return 2;
  }
}

process.exitCode = main();
