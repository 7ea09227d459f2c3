/**
 * A town as people have it: the real host in this process, a real runner and scripted agents in
 * processes of their own, everything in between over HTTP and ACP, git on disk.
 */
import { appendFileSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { rigShape, townShape, type FeedEntry } from "@gastown/protocol";
import { ApiClient } from "../../apps/node/src/cli/client.ts";
import { liveFrames, waitFor } from "../../apps/node/src/cli/live.ts";
import { readLocalToken } from "../../apps/node/src/host/credentials.ts";
import { startHost, type Host } from "../../apps/node/src/host/host.ts";
import type { SelfCommand } from "../../apps/node/src/host/runner-process.ts";
import { selfCommand } from "../../apps/node/src/host/self.ts";

const SETUP_MS = 60_000;
const rigState = rigShape.pick({ id: true, state: true, stateReason: true });

export interface BenchTownOptions {
  /** Folder of everything that it makes. */
  readonly root: string;
  /** Path of the bare repository that its work lands in. */
  readonly remote: string;
  /** How many beads are worked on at once. */
  readonly agents: number;
  readonly signal: AbortSignal;
  /** Another program for its runner. */
  readonly self?: SelfCommand;
}

export class BenchTown {
  readonly id: string;
  readonly rigId: string;
  /** The town's own database, to read from when everything has happened. */
  readonly databasePath: string;
  readonly #api: ApiClient;
  readonly #host: Host;
  readonly #signal: AbortSignal;

  private constructor(host: Host, api: ApiClient, ids: { town: string; rig: string }, signal: AbortSignal) {
    this.#host = host;
    this.#api = api;
    this.#signal = signal;
    this.id = ids.town;
    this.rigId = ids.rig;
    this.databasePath = host.dir.town(ids.town);
  }

  /** A host with one town and one rig whose clone is there. Without code review and without gates. */
  static async open(options: BenchTownOptions): Promise<BenchTown> {
    const host = await benchHost(options.root, options.self);
    try {
      const { signal } = options;
      const hint = "The benchmark's own server has ended.";
      const api = new ApiClient({ url: host.url, token: readLocalToken(host.dir), signal, hint });
      const town = await api.post(townShape.pick({ id: true }), "/api/users/user_local/towns", {
        name: "bench",
      });
      const rig = await readyRig(api, town.id, options);
      return new BenchTown(host, api, { town: town.id, rig }, signal);
    } catch (error) {
      await host.stop({ keepRunners: false, drainWaitMs: 0 });
      throw error;
    }
  }

  /** Ends host, runner and agents. */
  close(): Promise<void> {
    return this.#host.stop({ keepRunners: false, drainWaitMs: 0 });
  }

  /** Slings one bead whose agent follows `steps` (`packages/runner/src/scripted`) and hands over. */
  async sling(title: string, steps: readonly object[]): Promise<void> {
    const body = ["```gastown-script", JSON.stringify({ steps }), "```"].join("\n");
    const path = `/api/towns/${this.id}/rigs/${this.rigId}/sling`;
    await this.#api.raw("POST", path, { body: { title, body } });
  }

  /**
   * What happens in the town from now on, once the feed is open. Throws when the town asks for a
   * person: then something is wrong, and the figures would be, too.
   */
  async *events(opened: () => void, signal: AbortSignal): AsyncGenerator<FeedEntry, void, void> {
    const both = AbortSignal.any([signal, this.#signal]);
    for await (const frame of liveFrames(this.#api, { townId: this.id, signal: both })) {
      if (frame.type === "hello") opened();
      if (frame.type !== "event") continue;
      if (frame.entry.kind === "escalation.created")
        throw new Error(`The town asks for a person: ${frame.entry.text}`);
      yield frame.entry;
    }
  }
}

/** On a free port of loopback, its data in `<root>/data`, with the scripted agent. */
export function benchHost(root: string, self: SelfCommand = selfCommand()): Promise<Host> {
  mkdirSync(root, { recursive: true });
  const log = join(root, "host.log");
  return startHost({
    dataDir: join(root, "data"),
    flags: { listen: "127.0.0.1:0", log_format: "json", log_level: "warn" },
    env: quietEnv(),
    terminal: false,
    writeLog: (line) => appendFileSync(log, line),
    version: "0.0.0",
    commit: "bench",
    self,
    listRuntimes: () => Promise.resolve([]),
    chooseRuntime: () => ({ id: "scripted", missing: false }),
  });
}

/** The person's settings decide nothing here: neither gastown's nor git's. */
function quietEnv(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^(GASTOWN_|GIT_)/.test(name));
  const path = `${dirname(process.execPath)}:${process.env["PATH"] ?? ""}`;
  return { ...Object.fromEntries(kept), PATH: path };
}

async function readyRig(
  api: ApiClient,
  townId: string,
  { remote, agents, signal }: BenchTownOptions,
): Promise<string> {
  const path = `/api/towns/${townId}`;
  await api.raw("PATCH", `${path}/config`, {
    body: {
      runtime: "scripted",
      review: { code_review: false },
      limits: { max_polecats_per_rig: agents, max_agents: agents + 4 },
    },
  });
  const made = await api.post(rigState, `${path}/rigs`, {
    name: "bench",
    gitUrl: remote,
    defaultBranch: "main",
  });
  const rig = await waitFor(api, {
    townId,
    signal,
    timeoutMs: SETUP_MS,
    read: async () => {
      const now = await api.get(rigState, `${path}/rigs/${made.id}`);
      return now.state === "pending" ? undefined : now;
    },
    timeoutMessage: () => "The rig's repository was not cloned in time.",
  });
  if (rig.state !== "ready") throw new Error(`The rig cannot be used: ${rig.stateReason}`);
  return rig.id;
}
