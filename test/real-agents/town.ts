/** A town whose agents are real programs with a person's own settings and login, on one machine. */
import { readdirSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { ApiClient } from "../../apps/node/src/cli/client.ts";
import { listOf } from "../../apps/node/src/cli/target.ts";
import { git } from "../../apps/node/src/demo/git.ts";
import { readLocalToken } from "../../apps/node/src/host/credentials.ts";
import { dataDir } from "../../apps/node/src/host/data-dir.ts";
import { World, type RunningHost } from "../../apps/node/src/testing/executable.ts";
import {
  beadDetail,
  beadShape,
  sessionShape,
  townShape,
  type BeadDetail,
  type Session,
} from "@gastown/protocol";
import { LIMIT_MS, TownEvents } from "../faults/town-events.ts";
import type { AgentId } from "./install.ts";
import { homeEnv, logIn } from "./login.ts";
import { ModelServer, type Play } from "./model-server.ts";
import { orderText, play } from "./plays.ts";

/** What must never reach an agent. */
export const FORGE_TOKEN = "ghp_forgeTokenOfTheHost0123456789";
export const TOWN_SECRET = "token-of-the-team-4c2a";

export class RealTown extends TownEvents {
  readonly limitMs = LIMIT_MS;
  readonly world = new World();
  readonly model: ModelServer;
  readonly #id: AgentId;
  readonly #bin: string;
  #host: RunningHost | null = null;
  #remote = "";
  #townId = "";

  private constructor(id: AgentId, bin: string, model: ModelServer) {
    super();
    this.#id = id;
    this.#bin = bin;
    this.model = model;
  }

  /** `gastown up --runtime <id>` by somebody who has that agent installed and logged in, and one rig. */
  static async begin(id: AgentId, bin: string, played: Play = play): Promise<RealTown> {
    const town = new RealTown(id, bin, await ModelServer.start(played));
    const { world } = town;
    try {
      logIn(join(world.root, "home"), id, town.model.url);
      await town.start();
      town.#remote = await world.repository();
      await world.must(["init", "--json"], { cwd: join(world.root, "app.git-seed") });
      const { items } = await town.api().get(listOf(townShape.pick({ id: true })), "/api/towns");
      town.#townId = items[0]?.id ?? "";
      await town.configure(`env.TEAM_TOKEN=${TOWN_SECRET}`);
      return town;
    } catch (thrown) {
      await town.end();
      throw thrown;
    }
  }

  async start(): Promise<void> {
    const home = join(this.world.root, "home");
    this.#host = await this.world.up("127.0.0.1:0", ["--runtime", this.#id], {
      ...homeEnv(home),
      PATH: `${this.#bin}${delimiter}${process.env["PATH"] ?? ""}`,
      GH_TOKEN: FORGE_TOKEN,
    });
  }

  /** Ends the host as a service manager does, and gives its exit code. */
  async stop(): Promise<number | null> {
    const host = this.#host;
    this.#host = null;
    host?.child.kill("SIGTERM");
    return host?.exit ?? null;
  }

  async end(): Promise<void> {
    await this.stop();
    await this.model.stop();
    await this.world.end();
  }

  async configure(...pairs: string[]): Promise<void> {
    await this.world.must(["config", "set", ...pairs, "--json"]);
  }

  /** Slings a bead and waits until it has landed. */
  async land(file: string, words: string): Promise<BeadDetail> {
    const order = ["sling", `Write ${file}`, "--body", orderText(file, words)];
    const done = await this.world.must([...order, "--wait", "--timeout", "200", "--json"]);
    return this.bead(done.json(beadShape).id);
  }

  /** The bead of that title, once it is closed. */
  async landed(title: string): Promise<BeadDetail> {
    const id = await this.until(`"${title}" to be closed`, async () => {
      const list = await this.world.must(["bead", "list", "--all", "--json"]);
      const bead = list.json(listOf(beadShape)).items.find((one) => one.title === title);
      return bead?.status === "closed" || bead?.status === "failed" ? bead.id : undefined;
    });
    return this.bead(id);
  }

  async bead(id: string): Promise<BeadDetail> {
    return (await this.world.must(["bead", "show", id, "--json"])).json(beadDetail);
  }

  async sessions(): Promise<Session[]> {
    const list = await this.world.must(["session", "list", "--all", "--json"]);
    return list.json(listOf(sessionShape)).items;
  }

  /** All that is stored of a session, as text. */
  async transcript(id = ""): Promise<string> {
    return (await this.world.must(["session", "logs", id, "--json"])).stdout;
  }

  /** Pids of the agent processes that ever did this. */
  processes(what: "started" | "ended" = "started"): number[] {
    const folder = join(this.world.dataDir, "runners");
    const event = new RegExp(`"event":"agent\\.process_${what}"[^\\n]*?"pid":(\\d+)`, "g");
    return readdirSync(folder)
      .flatMap((town) => [...readFileSync(join(folder, town, "runner.log"), "utf8").matchAll(event)])
      .map(([, pid]) => Number(pid));
  }

  get townPath(): string {
    return `/api/towns/${this.#townId}`;
  }

  api(signal: AbortSignal = AbortSignal.timeout(this.limitMs)): ApiClient {
    const token = readLocalToken(dataDir(this.world.dataDir));
    return new ApiClient({ url: this.#host?.url ?? "", token, signal, hint: "The host has ended." });
  }

  /** A bead that is not waited for; its id. */
  async sling(title: string, body: string): Promise<string> {
    return (await this.world.must(["sling", title, "--body", body, "--json"])).json(beadShape).id;
  }

  async why(id: string): Promise<string> {
    return (await this.world.must(["bead", "why", id])).stdout;
  }

  /** The town's own keys, which only its processes know. */
  secrets(): string[] {
    return [readFileSync(join(this.world.dataDir, "local-token"), "utf8").trim()];
  }

  async git(...args: string[]): Promise<string> {
    return (await git(args, { cwd: this.#remote })).trim();
  }
}
