/** A town whose agents are real programs with a person's own settings and login, on one machine. */
import { createInterface } from "node:readline";
import { readdirSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { listOf } from "../../apps/node/src/cli/target.ts";
import { git } from "../../apps/node/src/demo/git.ts";
import { World, type RunningHost } from "../../apps/node/src/testing/executable.ts";
import {
  beadDetail,
  beadShape,
  feedEntry,
  sessionShape,
  type BeadDetail,
  type Session,
} from "@gastown/protocol";
import type { AgentId } from "./install.ts";
import { homeEnv, logIn } from "./login.ts";
import { ModelServer } from "./model-server.ts";
import { orderText, play } from "./plays.ts";

/** What must never reach an agent. */
export const FORGE_TOKEN = "ghp_forgeTokenOfTheHost0123456789";
export const TOWN_SECRET = "token-of-the-team-4c2a";
const STARTED = /"event":"agent\.process_started","pid":(\d+)/g;

export class RealTown {
  readonly world = new World();
  readonly model: ModelServer;
  readonly #id: AgentId;
  readonly #bin: string;
  #host: RunningHost | null = null;
  #remote = "";

  private constructor(id: AgentId, bin: string, model: ModelServer) {
    this.#id = id;
    this.#bin = bin;
    this.model = model;
  }

  /** `gastown up --runtime <id>` by somebody who has that agent installed and logged in, and one rig. */
  static async begin(id: AgentId, bin: string): Promise<RealTown> {
    const town = new RealTown(id, bin, await ModelServer.start(play));
    const { world } = town;
    try {
      logIn(join(world.root, "home"), id, town.model.url);
      await town.start();
      town.#remote = await world.repository();
      await world.must(["init", "--json"], { cwd: join(world.root, "app.git-seed") });
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
    const events = this.world.spawn(["events", "--follow", "--limit", "200", "--json"]);
    const list = await this.world.must(["bead", "list", "--all", "--json"]);
    const bead = list.json(listOf(beadShape)).items.find((one) => one.title === title);
    if (bead === undefined) throw new Error(`There is no bead "${title}".`);
    for await (const line of createInterface({ input: events.stdout })) {
      const entry = feedEntry.parse(JSON.parse(line));
      if (entry.subject.id === bead.id && (entry.to === "closed" || entry.to === "failed")) break;
    }
    events.kill("SIGINT");
    return this.bead(bead.id);
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

  /** Pids of the agent processes that were ever started. */
  processes(): number[] {
    const folder = join(this.world.dataDir, "runners");
    return readdirSync(folder)
      .flatMap((town) => [...readFileSync(join(folder, town, "runner.log"), "utf8").matchAll(STARTED)])
      .map(([, pid]) => Number(pid));
  }

  /** The town's own keys, which only its processes know. */
  secrets(): string[] {
    return [readFileSync(join(this.world.dataDir, "local-token"), "utf8").trim()];
  }

  async git(...args: string[]): Promise<string> {
    return (await git(args, { cwd: this.#remote })).trim();
  }
}
