/** A town of the packaged program in a process of its own, as its API shows it. */
import { beadShape, feedEntry, rigShape, sessionShape, townShape, type Session } from "@gastown/protocol";
import { z } from "zod";
import { ApiClient } from "../../apps/node/src/cli/client.ts";
import { listOf } from "../../apps/node/src/cli/target.ts";
import { readLocalToken } from "../../apps/node/src/host/credentials.ts";
import { dataDir } from "../../apps/node/src/host/data-dir.ts";
import type { RunningHost, World } from "../../apps/node/src/testing/executable.ts";

const events = listOf(feedEntry);
const messageTaken = z.object({ messageId: z.string() });

export interface UpOptions {
  readonly port?: string;
  readonly args?: readonly string[];
  readonly env?: Record<string, string>;
}

/** `gastown up` on loopback. */
export async function up(world: World, { port = "0", args, env }: UpOptions = {}): Promise<RunningHost> {
  const host = await world.up(`127.0.0.1:${port}`, args, env);
  // Nobody reads its log; a full pipe would stop it.
  host.child.stdout.resume();
  return host;
}

export class TownApi {
  readonly id: string;
  readonly #world: World;
  readonly #signal: AbortSignal;
  #api: ApiClient;

  private constructor(world: World, api: ApiClient, id: string, signal: AbortSignal) {
    this.#world = world;
    this.#api = api;
    this.#signal = signal;
    this.id = id;
  }

  static async make(world: World, host: RunningHost, name: string, signal: AbortSignal): Promise<TownApi> {
    const api = clientOf(world, host, signal);
    const { id } = await api.post(townShape.pick({ id: true }), "/api/users/user_local/towns", { name });
    return new TownApi(world, api, id, signal);
  }

  /** From now on at this host, which has the same data directory. */
  use(host: RunningHost): void {
    this.#api = clientOf(this.#world, host, this.#signal);
  }

  /** The town's database, to read from when everything has happened. */
  get databasePath(): string {
    return dataDir(this.#world.dataDir).town(this.id);
  }

  async configure(body: object): Promise<void> {
    await this.#api.raw("PATCH", `${this.#path}/config`, { body });
  }

  /** @returns its id; its clone is there when `rig.verified` has happened */
  async addRig(gitUrl: string, name = "app"): Promise<string> {
    return (await this.#api.post(rigShape, `${this.#path}/rigs`, { name, gitUrl })).id;
  }

  /** A bead that is begun at once, whose agent follows `steps`. */
  async start(rig: string, title: string, steps: readonly object[]): Promise<void> {
    const body = ["```gastown-script", JSON.stringify({ steps }), "```"].join("\n");
    await this.#api.post(beadShape, `${this.#path}/rigs/${rig}/beads`, { title, body, start: true });
  }

  async tellMayor(message: string): Promise<void> {
    await this.#api.post(messageTaken, `${this.#path}/mayor/message`, { message });
  }

  /** Ends the mayor's session; the next one begins a new conversation. */
  async stopMayor(): Promise<void> {
    await this.#api.raw("POST", `${this.#path}/mayor/stop`, { body: { newConversation: true } });
  }

  /** Resolves when that has happened so often since the town began. */
  async happened(kind: string, times: number): Promise<void> {
    let after = 0;
    for (let seen = 0; seen < times;) {
      const query = { after, limit: 200, wait: 25 };
      const { items } = await this.#api.get(events, `${this.#path}/events`, query);
      seen += items.filter((entry) => entry.kind === kind).length;
      after = items.at(-1)?.seq ?? after;
    }
  }

  async sessions(): Promise<Session[]> {
    return (await this.#api.get(listOf(sessionShape), `${this.#path}/sessions`)).items;
  }

  get #path(): string {
    return `/api/towns/${this.id}`;
  }
}

/** With the rights of whoever runs that host. */
export function clientOf(world: World, { url }: RunningHost, signal: AbortSignal): ApiClient {
  const token = readLocalToken(dataDir(world.dataDir));
  return new ApiClient({ url, token, signal, hint: "The benchmark's own server has ended." });
}
