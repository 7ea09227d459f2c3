/**
 * mayor-prompt: from the moment when a town wants a runner to the mayor's first prompt. Cold: a message
 * is what wakes the town. Prewarmed: the runner was wanted for something else, and the message comes
 * when the mayor's session is there. Every time the runner and its agents have ended before.
 */
import { delimiter, join } from "node:path";
import { World } from "../../apps/node/src/testing/executable.ts";
import { installAgent, NotDelivered } from "../../test/real-agents/install.ts";
import { homeEnv, logIn } from "../../test/real-agents/login.ts";
import { ModelServer } from "../../test/real-agents/model-server.ts";
import type { Benchmark, BenchContext } from "../lib/benchmark.ts";
import { median, rounded } from "../lib/statistics.ts";
import { TownApi, up, type UpOptions } from "../lib/town-api.ts";
import { readFirstPrompt, type FirstPrompt } from "./first-prompt.ts";

/** Runners of each kind; a real agent takes seconds. */
const RUNNERS = { scripted: 8, kilo: 4 };
const MAX_WAIT_MS = 100;
const LIMIT_MS = 170_000;
const KINDS = ["cold", "prewarmed"] as const;

type Runtime = keyof typeof RUNNERS;
type Samples = Readonly<Record<(typeof KINDS)[number], FirstPrompt[]>>;

export const mayorPrompt: Benchmark = {
  id: "mayor-prompt",
  measures:
    "a runner starts → the mayor's first prompt, prewarmed and cold, with a scripted and a real agent",
  target: `a message waits ≤ ${MAX_WAIT_MS} ms (p50) for a prewarmed mayor, and less than for a cold one`,
  run: async (context) => {
    const scripted = await measured(context, "scripted");
    const kilo = await withKilo(context);
    return {
      values: { ...values("scripted", scripted), ...(kilo === null ? {} : values("kilo", kilo)) },
      pass: reached(scripted) && (kilo === null || reached(kilo)),
    };
  },
};

/** Null where the registry does not deliver it. */
async function withKilo(context: BenchContext): Promise<Samples | null> {
  try {
    return await measured(context, "kilo", await installAgent("kilo"));
  } catch (thrown) {
    if (!(thrown instanceof NotDelivered)) throw thrown;
    context.note(`not measured with kilo: ${thrown.message}`);
    return null;
  }
}

async function measured({ note, signal }: BenchContext, runtime: Runtime, bin?: string): Promise<Samples> {
  const limited = AbortSignal.any([signal, AbortSignal.timeout(LIMIT_MS)]);
  const world = new World();
  const model = await ModelServer.start(() => ({ say: "Yes." }));
  try {
    const host = await up(world, bin === undefined ? {} : loggedIn(world, bin, model.url));
    const town = await TownApi.make(world, host, "mayors", limited);
    await town.configure({ runtime });
    const mayors = new Mayors(world, town, await world.repository());
    await mayors.cold();
    const samples: Samples = { cold: [], prewarmed: [] };
    for (let i = 0; i < RUNNERS[runtime]; i += 1)
      for (const kind of KINDS) {
        await mayors.end();
        samples[kind].push(await mayors[kind]());
      }
    note(`${runtime}: ${RUNNERS[runtime]} runners of each kind`);
    return samples;
  } finally {
    await world.end();
    await model.stop();
  }
}

/** A person who has installed that agent and is logged in. */
function loggedIn(world: World, bin: string, modelUrl: string): UpOptions {
  const home = join(world.root, "home");
  logIn(home, "kilo", modelUrl);
  const env = { ...homeEnv(home), PATH: `${bin}${delimiter}${process.env["PATH"] ?? ""}` };
  return { args: ["--runtime", "kilo"], env };
}

/** One town, whose runner ends and is wanted again. */
class Mayors {
  readonly #world: World;
  readonly #town: TownApi;
  readonly #remote: string;
  #sessions = 0;
  #answered = 0;
  #drained = 0;
  #rigs = 0;

  constructor(world: World, town: TownApi, remote: string) {
    this.#world = world;
    this.#town = town;
    this.#remote = remote;
  }

  /** Ends the mayor, its conversation and the runner, whose going the town has seen. */
  async end(): Promise<void> {
    await this.#town.stopMayor();
    for (const { pid } of this.#world.runners()) process.kill(pid, "SIGTERM");
    this.#drained += 1;
    await this.#town.happened("runner.drained", this.#drained);
  }

  async cold(): Promise<FirstPrompt> {
    this.#sessions += 1;
    return this.#told(Date.now());
  }

  async prewarmed(): Promise<FirstPrompt> {
    const from = Date.now();
    this.#rigs += 1;
    this.#sessions += 1;
    await this.#town.addRig(this.#remote, `rig-${this.#rigs}`);
    await this.#town.happened("rig.verified", this.#rigs);
    await this.#town.happened("session.started", this.#sessions);
    return this.#told(from);
  }

  async #told(from: number): Promise<FirstPrompt> {
    this.#answered += 1;
    await this.#town.tellMayor("Are you there?");
    await this.#town.happened("mayor.message_answered", this.#answered);
    return readFirstPrompt(this.#town.databasePath, from);
  }
}

function values(runtime: Runtime, samples: Samples): Record<string, number> {
  const of = (kind: keyof Samples, what: (prompt: FirstPrompt) => number): number =>
    rounded(median(samples[kind].map(what)));
  return {
    [`${runtime}, cold: runner wanted → prompt, p50 ms`]: of(
      "cold",
      ({ wanted, prompted }) => prompted - wanted,
    ),
    [`${runtime}, prewarmed: runner wanted → mayor ready, p50 ms`]: of(
      "prewarmed",
      ({ wanted, ready }) => ready - wanted,
    ),
    [`${runtime}, cold: message → prompt, p50 ms`]: of("cold", waitOf),
    [`${runtime}, prewarmed: message → prompt, p50 ms`]: of("prewarmed", waitOf),
  };
}

const waitOf = ({ told, prompted }: FirstPrompt): number => prompted - told;

function reached({ cold, prewarmed }: Samples): boolean {
  const wait = median(prewarmed.map(waitOf));
  return wait <= MAX_WAIT_MS && wait < median(cold.map(waitOf));
}
