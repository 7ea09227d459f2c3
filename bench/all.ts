/** Every benchmark of `npm run bench` (spec/quality.md), in the order in which it runs. */
import type { Benchmark } from "./lib/benchmark.ts";
import { api } from "./api/api.ts";
import { convoyScale } from "./convoy-scale/convoy-scale.ts";
import { events } from "./events/events.ts";
import { exportImport } from "./export-import/export-import.ts";
import { historyScale } from "./history-scale/history-scale.ts";
import { idleTowns } from "./idle-towns/idle-towns.ts";
import { landing } from "./landing/landing.ts";
import { mayorPrompt } from "./mayor-prompt/mayor-prompt.ts";
import { memoryPerAgent } from "./memory-per-agent/memory-per-agent.ts";
import { readyToPrompt } from "./ready-to-prompt/ready-to-prompt.ts";
import { recover } from "./recover/recover.ts";
import { tickScale } from "./tick-scale/tick-scale.ts";

export const BENCHMARKS: readonly Benchmark[] = [
  tickScale,
  historyScale,
  exportImport,
  idleTowns,
  api,
  readyToPrompt,
  landing,
  convoyScale,
  events,
  recover,
  memoryPerAgent,
  mayorPrompt,
];
