/**
 * landing: 50 beads, 8 agents that work 0 s, beside a shell script that does the same git work with
 * no town. They take turns within one run, so that what else the machine does hits both alike.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BenchTown } from "../lib/bench-town.ts";
import type { Benchmark, BenchContext, Figures } from "../lib/benchmark.ts";
import { git, makeRepository } from "../lib/repository.ts";
import { median, rounded } from "../lib/statistics.ts";
import { PlainScript } from "./plain.ts";

const BEADS = 50;
const AGENTS = 8;
const ROUNDS = 3;
/** Makes worktrees and agent processes, on both sides. */
const WARM_UP = 16;
const MIN_RATE = 0.7;
/** For one round; 50 beads take seconds. */
const ROUND_MS = 90_000;
/** No further round begins after this: on a busy machine the first ones must do. */
const ENOUGH_MS = 90_000;

export const landing: Benchmark = {
  id: "landing",
  measures: `${BEADS} beads, ${AGENTS} agents that work 0 s, landed on a real repository; beside it a plain script`,
  target: `town ≥ ${100 * MIN_RATE} % of the script's rate`,
  run: async (context) => {
    const root = mkdtempSync(join(tmpdir(), "gastown-bench-"));
    try {
      return await prepared(context, root);
    } finally {
      rmSync(root, { recursive: true, force: true, maxRetries: 5 });
    }
  },
};

async function prepared(context: BenchContext, root: string): Promise<Figures> {
  const remotes = { plain: makeRepository(root, "plain"), town: makeRepository(root, "town") };
  const folder = join(root, "plain");
  mkdirSync(folder);
  const plain = new PlainScript(folder, remotes.plain, context.signal);
  const town = await BenchTown.open({
    root: join(root, "host"),
    remote: remotes.town,
    agents: AGENTS,
    signal: context.signal,
  });
  try {
    return await measured(context, plain, town, remotes);
  } finally {
    await town.close();
  }
}

async function measured(
  { note, signal }: BenchContext,
  plain: PlainScript,
  town: BenchTown,
  remotes: { plain: string; town: string },
): Promise<Figures> {
  await plain.land(WARM_UP);
  await landAll(town, "warm-up", WARM_UP, signal);
  const rounds: Round[] = [];
  const enough = performance.now() + ENOUGH_MS;
  while (rounds.length < ROUNDS && (rounds.length === 0 || performance.now() < enough)) {
    const plainMs = await plain.land(BEADS);
    const townMs = await landAll(town, `round ${rounds.length + 1}`, BEADS, signal);
    note(`round ${rounds.length + 1}: script ${seconds(plainMs)} s, town ${seconds(townMs)} s`);
    rounds.push({ plainMs, townMs });
  }
  for (const remote of Object.values(remotes)) mustHaveLanded(remote, WARM_UP + rounds.length * BEADS);
  return figures(rounds);
}

interface Round {
  readonly plainMs: number;
  readonly townMs: number;
}

/** Both halves of a round stand beside each other in time: their ratio is taken, then the median. */
function figures(rounds: readonly Round[]): Figures {
  const plainMs = median(rounds.map((round) => round.plainMs));
  const townMs = median(rounds.map((round) => round.townMs));
  const share = median(rounds.map((round) => round.plainMs / round.townMs));
  return {
    values: {
      rounds: rounds.length,
      "script: beads per second": rounded((1_000 * BEADS) / plainMs),
      "town: beads per second": rounded((1_000 * BEADS) / townMs),
      "town's rate ÷ script's rate": rounded(share),
    },
    pass: share >= MIN_RATE,
  };
}

/** Milliseconds from the first sling to the last landing. */
async function landAll(town: BenchTown, name: string, beads: number, signal: AbortSignal): Promise<number> {
  const ended = new AbortController();
  const limited = AbortSignal.any([signal, ended.signal, AbortSignal.timeout(ROUND_MS)]);
  const opened = Promise.withResolvers<void>();
  const landed = lastLanding(town, beads, opened.resolve, limited);
  landed.catch(opened.reject);
  try {
    await opened.promise;
    const began = performance.now();
    await slingAll(town, name, beads);
    return (await landed) - began;
  } finally {
    ended.abort();
  }
}

async function slingAll(town: BenchTown, name: string, beads: number): Promise<void> {
  const path = name.replaceAll(" ", "-");
  const slings = Array.from({ length: beads }, (_, i) => {
    const write = { path: `beads/${path}-${i}.txt`, content: `Bead ${i} was here.\n` };
    return town.sling(`Bead ${i} of ${name}`, [{ write }, { done: {} }]);
  });
  await Promise.all(slings);
}

/** When so many beads of the town have landed. */
async function lastLanding(
  town: BenchTown,
  beads: number,
  opened: () => void,
  signal: AbortSignal,
): Promise<number> {
  let landed = 0;
  for await (const entry of town.events(opened, signal)) {
    if (entry.kind === "merge.landed") landed += 1;
    if (landed === beads) return performance.now();
  }
  signal.throwIfAborted();
  throw new Error(`The town's feed ended when ${landed} of ${beads} beads had landed.`);
}

/** The figures count only if the work is there: every bead's file and one merge for each. */
function mustHaveLanded(remote: string, beads: number): void {
  const merges = Number(git(remote, "rev-list", "--count", "--merges", "main"));
  const files = git(remote, "ls-tree", "--name-only", "main", "beads/").split("\n").length;
  if (merges === beads && files === beads) return;
  throw new Error(`${remote} has ${merges} merges and ${files} files of ${beads} beads.`);
}

function seconds(ms: number): number {
  return rounded(ms / 1_000);
}
