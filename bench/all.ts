/**
 * Every benchmark of `npm run bench`, in the order in which it runs. Those of spec/quality.md that
 * are not here (idle-towns, convoy-scale, memory-per-agent, api, recover, events) are not written yet.
 */
import type { Benchmark } from "./lib/benchmark.ts";
import { landing } from "./landing/landing.ts";
import { readyToPrompt } from "./ready-to-prompt/ready-to-prompt.ts";
import { tickScale } from "./tick-scale/tick-scale.ts";

export const BENCHMARKS: readonly Benchmark[] = [tickScale, readyToPrompt, landing];
