import type { Benchmark, Figures } from "./benchmark.ts";

const INDENT = "  ";

/** One benchmark as people read it: what, its figures one per line, its target, and whether it was reached. */
export function shown(benchmark: Benchmark, figures: Figures): string {
  const names = Object.keys(figures.values);
  const width = Math.max(...names.map((name) => name.length));
  const lines = Object.entries(figures.values).map(
    ([name, value]) => `${INDENT}${name.padEnd(width)}  ${value}`,
  );
  const verdict = figures.pass ? "reached" : "MISSED";
  return [
    `${benchmark.id}: ${benchmark.measures}`,
    ...lines,
    `${INDENT}target: ${benchmark.target}: ${verdict}`,
    "",
  ].join("\n");
}

/** The last lines: each benchmark once, with its verdict. */
export function summary(rows: readonly { id: string; verdict: string }[]): string {
  const width = Math.max(...rows.map(({ id }) => id.length));
  return rows.map(({ id, verdict }) => `${id.padEnd(width)}  ${verdict}`).join("\n");
}
