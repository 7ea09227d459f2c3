import { parseArgs } from "node:util";
import type { Benchmark } from "./benchmark.ts";

export interface Arguments {
  readonly json: boolean;
  readonly chosen: readonly Benchmark[];
}

/** Something that the caller must say in another way; its message says how. */
export class UsageError extends Error {}

/** Reads `[--json] [--only a,b]` (spec/quality.md, benchmarks). Throws `UsageError`. */
export function readArguments(argv: readonly string[], all: readonly Benchmark[]): Arguments {
  const { json, only } = parse(argv);
  return { json, chosen: only === undefined ? all : choose(only, all) };
}

function parse(argv: readonly string[]): { json: boolean; only: string | undefined } {
  try {
    const options = { json: { type: "boolean" }, only: { type: "string" } } as const;
    const { values } = parseArgs({ args: [...argv], options });
    return { json: values.json === true, only: values.only };
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

/** In the order in which they were asked for, each once. */
function choose(only: string, all: readonly Benchmark[]): Benchmark[] {
  const known = all.map(({ id }) => id).join(", ");
  const ids = only
    .split(",")
    .map((id) => id.trim())
    .filter((id) => id !== "");
  if (ids.length === 0) throw new UsageError(`--only names no benchmark. There are: ${known}.`);
  return [...new Set(ids)].map((id) => {
    const found = all.find((benchmark) => benchmark.id === id);
    if (found === undefined) throw new UsageError(`There is no benchmark "${id}". There are: ${known}.`);
    return found;
  });
}
