// cspell:ignore smaps
/**
 * memory-per-agent: what a further session of `kilo acp` costs, each in a directory of its own, and
 * how long one takes to open where another was before. The model is never asked.
 *
 * The agent reaches its tools through the runner's relay, by the transport of its row. What that time is spent
 * on is measured from outside: what the town takes to answer is its own, the rest is the agent's and the
 * relay's. The pause before it lists its tools is shown, because by streamable HTTP Kilo 7.7.7 sleeps there for
 * about 100 ms, on a lock that it holds itself (docs/benchmarks.md).
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { Subject } from "../../test/conformance/subject.ts";
import { installAgent } from "../../test/real-agents/install.ts";
import { homeEnv, logIn } from "../../test/real-agents/login.ts";
import type { Benchmark, BenchContext, Figures } from "../lib/benchmark.ts";
import { median, rounded } from "../lib/statistics.ts";

const SESSIONS = 12;
const MAX_MB = 60;
const MAX_REUSED_MS = 150;
/** Its collector runs when it likes: the lowest of what is seen in this time is what it needs. */
const SETTLE_SAMPLES = 20;
const SAMPLE_MS = 500;

export const memoryPerAgent: Benchmark = {
  id: "memory-per-agent",
  measures: `PSS of \`kilo acp\` with 1 and with ${SESSIONS} sessions, each in its own directory, after it has settled`,
  target: `≤ ${MAX_MB} MB per further session; session start in a reused directory ≤ ${MAX_REUSED_MS} ms`,
  run: async (context) => {
    if (process.platform !== "linux") throw new Error("PSS is known on Linux only.");
    const home = mkdtempSync(join(tmpdir(), "gastown-bench-"));
    const bin = await installAgent("kilo");
    logIn(home, "kilo", "http://127.0.0.1:9/v1");
    const subject = await Subject.start({
      id: "kilo",
      path: `${bin}${delimiter}${process.env["PATH"] ?? ""}`,
      model: null,
      hostEnv: homeEnv(home),
    });
    try {
      return await measured(context, subject);
    } finally {
      await subject.end();
      rmSync(home, { recursive: true, force: true, maxRetries: 5 });
    }
  },
};

async function measured({ note, signal }: BenchContext, subject: Subject): Promise<Figures> {
  const [first] = (await opened(subject, ["1"])).map(({ ms }) => ms);
  const one = await settled(subject, signal);
  note(`1 session: ${one} MB`);
  const names = Array.from({ length: SESSIONS - 1 }, (_, i) => String(i + 2));
  const fresh = (await opened(subject, names)).map(({ ms }) => ms);
  const all = await settled(subject, signal);
  note(`${SESSIONS} sessions: ${all} MB`);
  const reused = await opened(subject, ["1", ...names]);
  const each = (all - one) / (SESSIONS - 1);
  const reusedMs = median(reused.map(({ ms }) => ms));
  return {
    values: {
      "1 session, MB": rounded(one),
      [`${SESSIONS} sessions, MB`]: rounded(all),
      "per further session, MB": rounded(each),
      "first start in the process, ms": rounded(first ?? 0),
      "start in a new directory: p50 ms": rounded(median(fresh)),
      "start in a reused directory: p50 ms": rounded(reusedMs),
      "of it the town's answers to its MCP requests: p50 ms": rounded(median(reused.map(({ town }) => town))),
      "of it inside the agent and on the way: p50 ms": rounded(
        median(reused.map(({ ms, town }) => ms - town)),
      ),
      "of that its pause before it lists the tools: p50 ms": rounded(
        median(reused.map(({ pause: paused }) => paused)),
      ),
    },
    pass: each <= MAX_MB && reusedMs <= MAX_REUSED_MS,
  };
}

interface Opening {
  readonly ms: number;
  /** What the town took to answer. */
  readonly town: number;
  /** From the town's word that it may begin until the agent asked for its tools. */
  readonly pause: number;
}

/** How long each of these sessions took to open, one after the other, each in the directory of its name. */
async function opened(subject: Subject, names: readonly string[]): Promise<Opening[]> {
  await subject.agent;
  const openings: Opening[] = [];
  for (const name of names) {
    const before = subject.town.mcpRequests.length;
    const began = performance.now();
    await subject.open(name);
    const ms = performance.now() - began;
    const requests = subject.town.mcpRequests.slice(before);
    const ready = requests.find(({ method }) => method === "notifications/initialized");
    const list = requests.find(({ method }) => method === "tools/list");
    if (ready === undefined || list === undefined) throw new Error(`${name} has not listed its tools.`);
    const town = requests.reduce((sum, request) => sum + request.ended - request.began, 0);
    openings.push({ ms, town, pause: list.began - ready.ended });
  }
  return openings;
}

/** The least that all its processes together were seen to hold, in MB. */
async function settled(subject: Subject, signal: AbortSignal): Promise<number> {
  const seen: number[] = [];
  for (let i = 0; i < SETTLE_SAMPLES; i += 1) {
    await pause(SAMPLE_MS, undefined, { signal });
    seen.push(subject.processes().reduce((sum, pid) => sum + pssOf(pid), 0));
  }
  return Math.round(Math.min(...seen));
}

/** Proportional set size in MB: shared pages are divided among those that share them. */
function pssOf(pid: number): number {
  try {
    const kb = /^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1];
    return Number(kb ?? 0) / 1_024;
  } catch {
    return 0;
  }
}
