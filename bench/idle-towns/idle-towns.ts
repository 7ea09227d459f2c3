/**
 * idle-towns: what towns cost that have nothing to do. Two hosts run side by side, one with a thousand and one
 * with ten thousand towns. What a town holds is the difference between them, and what it holds more once it was
 * used and closed again is seen within each.
 */
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { z } from "zod";
import type { Benchmark, BenchContext, Figures } from "../lib/benchmark.ts";
import { rounded } from "../lib/statistics.ts";

const SIZES = [1_000, 10_000] as const;
/** Of them, since the host began. */
const USED = 1_000;
const WATCH_MS = 60_000;
const LIMIT_MS = 330_000;
const MAX_CORE_PERCENT = 0.1;
const MAX_KB = 10;
const HOST = fileURLToPath(new URL("./idle-host.ts", import.meta.url));

const idle = z.object({
  /** That fired while nothing was to be done. */
  timers: z.int(),
  cpuMs: z.number(),
  /** Bytes that are held after a collection: before any was used, and when all are closed again. */
  heapBefore: z.number(),
  heap: z.number(),
});
export type Idle = z.infer<typeof idle>;

export const idleTowns: Benchmark = {
  id: "idle-towns",
  measures: `${SIZES.join(" and ")} idle towns in one host, for ${WATCH_MS / 1_000} s`,
  target: `no timer fires; ≤ ${MAX_CORE_PERCENT} % of a core; ≤ ${MAX_KB} kB per town`,
  run: async (context) => {
    if (process.platform !== "linux") throw new Error("Which files are open is known on Linux only.");
    const root = mkdtempSync(join(tmpdir(), "gastown-bench-"));
    try {
      return await measured(context, root);
    } finally {
      rmSync(root, { recursive: true, force: true, maxRetries: 5 });
    }
  },
};

async function measured(context: BenchContext, root: string): Promise<Figures> {
  const [few, many] = await Promise.all([
    idleHost(context, root, SIZES[0]),
    idleHost(context, root, SIZES[1]),
  ]);
  const listed = (many.heapBefore - few.heapBefore) / (SIZES[1] - SIZES[0]) / 1_000;
  const used = (many.heap - many.heapBefore) / USED / 1_000;
  const kB = listed + Math.max(0, used);
  const percent = (100 * many.cpuMs) / WATCH_MS;
  return {
    values: {
      [`timers that fired, ${SIZES[0]} towns`]: few.timers,
      [`timers that fired, ${SIZES[1]} towns`]: many.timers,
      [`% of a core, ${SIZES[1]} towns`]: rounded(percent),
      "kB per town": rounded(listed),
      "kB more, once it was used": rounded(used),
    },
    pass: few.timers === 0 && many.timers === 0 && percent <= MAX_CORE_PERCENT && kB <= MAX_KB,
  };
}

async function idleHost({ note, signal }: BenchContext, root: string, towns: number): Promise<Idle> {
  const folder = join(root, String(towns));
  mkdirSync(folder);
  const args = ["--expose-gc", HOST, folder, String(towns), String(USED), String(WATCH_MS)];
  const { stdout } = await promisify(execFile)(process.execPath, args, { signal, timeout: LIMIT_MS });
  const found = idle.parse(JSON.parse(stdout));
  note(`${towns} towns: ${Math.round(found.heap / 1_000_000)} MB, ${Math.round(found.cpuMs)} ms of a core`);
  return found;
}
