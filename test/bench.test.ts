/** What `npm run bench` takes and prints, apart from the measuring itself (spec/quality.md, benchmarks). */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { readArguments } from "../bench/lib/arguments.ts";
import type { Benchmark } from "../bench/lib/benchmark.ts";
import { percentile, rounded } from "../bench/lib/statistics.ts";
import { shown } from "../bench/lib/table.ts";

const MAIN = fileURLToPath(new URL("../bench/main.ts", import.meta.url));

const bench = (id: string): Benchmark => ({
  id,
  measures: "something",
  target: "≤ 1",
  run: async () => ({ values: { "p50 ms": 2 }, pass: false }),
});
const all = [bench("a"), bench("b"), bench("c")];
const chosen = (...argv: string[]): string[] => readArguments(argv, all).chosen.map(({ id }) => id);

describe("the arguments of the benchmarks", () => {
  it("choose all, or what --only names, each once", () => {
    expect(chosen()).toEqual(["a", "b", "c"]);
    expect(chosen("--only", "c, a,c")).toEqual(["c", "a"]);
    expect(readArguments(["--json"], all).json).toBe(true);
  });

  it("refuse a benchmark that is not there, and an unknown option, and say what there is", () => {
    expect(() => chosen("--only", "a,idle")).toThrow('There is no benchmark "idle". There are: a, b, c.');
    expect(() => chosen("--only", ",")).toThrow("There are: a, b, c.");
    expect(() => chosen("--fast")).toThrow("--fast");
  });

  it("end the real command with 2 and nothing on standard output", () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, "--json", "--only", "nothing"], {
      encoding: "utf8",
    });
    expect([status, stdout]).toEqual([2, ""]);
    expect(stderr).toContain("landing");
  });
});

describe("the figures of the benchmarks", () => {
  it("take the nearest sample as a percentile", () => {
    const hundred = Array.from({ length: 100 }, (_, i) => 100 - i);
    expect([0.5, 0.99, 1].map((share) => percentile(hundred, share))).toEqual([50, 99, 100]);
    expect(percentile([7], 0.99)).toBe(7);
    expect(() => percentile([], 0.5)).toThrow(RangeError);
    expect(rounded(1.23456)).toBe(1.23);
  });

  it("say a missed target plainly", () => {
    const text = shown(bench("a"), { values: { "p50 ms": 2 }, pass: false });
    expect(text).toContain("target: ≤ 1: MISSED");
    expect(text).toContain("p50 ms  2");
  });
});
