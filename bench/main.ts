/**
 * `npm run bench [-- --json] [--only a,b]`: measures, compares with spec/quality.md, says what was
 * missed. Exit code 0 when everything chosen ran, whatever it found; 1 when something could not be
 * run; 2 for a wrong argument. docs/benchmarks.md says what each figure means.
 */
import { BENCHMARKS } from "./all.ts";
import { readArguments, UsageError, type Arguments } from "./lib/arguments.ts";
import type { Benchmark, Figures, Result } from "./lib/benchmark.ts";
import { shown, summary } from "./lib/table.ts";

/** For one benchmark; each bounds itself well below this. */
const LIMIT_MS = 6 * 60_000;
const EXIT = { ran: 0, broken: 1, usage: 2 } as const;

interface Outcome {
  readonly benchmark: Benchmark;
  /** Null: it could not be run. */
  readonly figures: Figures | null;
}

const note = (text: string): void => void process.stderr.write(`${text}\n`);

async function runOne(benchmark: Benchmark, signal: AbortSignal): Promise<Outcome> {
  note(`${benchmark.id}: ${benchmark.measures}`);
  try {
    signal.throwIfAborted();
    const figures = await benchmark.run({ signal, note: (text) => note(`  ${text}`) });
    return { benchmark, figures };
  } catch (error) {
    note(
      `${benchmark.id} could not be run: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    );
    return { benchmark, figures: null };
  }
}

function verdict({ benchmark, figures }: Outcome): string {
  if (figures === null) return "could not be run";
  return figures.pass ? "reached" : `MISSED: ${benchmark.target}`;
}

function print(outcomes: readonly Outcome[], json: boolean): void {
  const ran = outcomes.flatMap(({ benchmark, figures }) =>
    figures === null ? [] : [{ benchmark, figures }],
  );
  const ends = outcomes.map((outcome) => ({ id: outcome.benchmark.id, verdict: verdict(outcome) }));
  if (!json) {
    for (const { benchmark, figures } of ran) process.stdout.write(`\n${shown(benchmark, figures)}`);
    process.stdout.write(`\n${summary(ends)}\n`);
    return;
  }
  note(summary(ends));
  const results = ran.map(({ benchmark: { id, target }, figures: { values, pass } }): Result => ({
    id,
    values,
    target,
    pass,
  }));
  process.stdout.write(`${JSON.stringify(results)}\n`);
}

async function main({ json, chosen }: Arguments): Promise<number> {
  const stop = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const)
    process.once(name, () => stop.abort(new Error(`taken back by ${name}`)));
  const outcomes: Outcome[] = [];
  for (const benchmark of chosen) {
    const signal = AbortSignal.any([stop.signal, AbortSignal.timeout(LIMIT_MS)]);
    outcomes.push(await runOne(benchmark, signal));
  }
  print(outcomes, json);
  return outcomes.some(({ figures }) => figures === null) ? EXIT.broken : EXIT.ran;
}

function begin(): Promise<number> {
  try {
    return main(readArguments(process.argv.slice(2), BENCHMARKS));
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    note(error.message);
    return Promise.resolve(EXIT.usage);
  }
}

process.exitCode = await begin();
