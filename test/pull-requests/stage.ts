/**
 * A town of one or more rigs on a simulated forge: real repositories, real executable, scripted agents.
 * A program checks every head that a pull request has, webhooks tell the town of all that happens
 * there, and time goes on where nothing else does, so that nothing here waits for a poll.
 */
import { mergeRequestShape, type ReviewSettings } from "@gastown/protocol";
import { onTestFinished } from "vitest";
import {
  startForgeSimulator,
  type ForgeSimulator,
  type SimulatedRepository,
} from "../../packages/forge/simulator/index.ts";
import { startTown } from "../faults/start-town.ts";
import type { TownProcess } from "../faults/town-process.ts";
import { apply, Killer, type Condition } from "./conditions.ts";
import { Pace } from "./pace.ts";
import type { Story } from "./story.ts";
import { SimulatorWitness, type Witness } from "./witness.ts";

const WEBHOOK_SECRET = "a-secret-of-this-test-only";

export type ForgeName = "github" | "gitlab";

export interface Setting {
  readonly forge: ForgeName;
  readonly review: ReviewSettings;
  readonly condition: Condition;
  /** Also `web`, on a repository of its own. */
  readonly twoRigs?: boolean;
}

export class Stage implements Story {
  readonly town: TownProcess;
  readonly simulator: ForgeSimulator;
  readonly pace: Pace;
  readonly killer: Killer;
  /** By rig, in the order in which they were made. */
  readonly repositories = new Map<string, SimulatedRepository>();
  readonly witnesses = new Map<string, Witness>();

  private constructor(town: TownProcess, simulator: ForgeSimulator) {
    this.town = town;
    this.simulator = simulator;
    this.pace = new Pace(town);
    onTestFinished(() => this.pace.close());
    this.killer = new Killer(town);
  }

  static async set({ forge, review, condition, twoRigs = false }: Setting): Promise<Stage> {
    const simulator = await startForgeSimulator();
    onTestFinished(() => simulator.close());
    const made = (name: string): Promise<SimulatedRepository> =>
      simulator.repository({ forge, path: `acme/${name}`, members: { town: "write", alice: "write" } });
    const repository = await made("app");
    const token = simulator.token("town");
    const town = await startTown({
      hosted: repository,
      // One wait may be for four pull requests, on a machine with much else to do.
      limitMs: 900_000,
      // A lease is never ended by time that a test let go on.
      timing: { heartbeatMs: 500 },
      env: forge === "github" ? { GASTOWN_GITHUB_URL: simulator.url } : {},
      config: {
        merge_strategy: "pr",
        review,
        credentials:
          forge === "github" ? { github_token: token } : { gitlab_token: token, gitlab_url: simulator.url },
      },
    });
    const stage = new Stage(town, simulator);
    await stage.#attach(town.rigId, repository, forge);
    if (twoRigs) {
      const web = await made("web");
      const rig = await town.addRig({ name: "web", gitUrl: web.cloneUrl });
      await stage.#attach(rig.id, web, forge);
    }
    apply(condition, simulator, stage.killer);
    return stage;
  }

  async #attach(rigId: string, repository: SimulatedRepository, forge: ForgeName): Promise<void> {
    const { town } = this;
    const path = `${town.townPath}/rigs/${rigId}`;
    const secrets = { credentials: { webhook_secret: WEBHOOK_SECRET } };
    await town.api().raw("PATCH", `${path}/config`, { body: secrets });
    repository.hook({ url: `${town.host.url}${path}/webhooks/${forge}`, secret: WEBHOOK_SECRET });
    repository.checkEveryHead({ name: "ci" });
    this.repositories.set(rigId, repository);
    this.witnesses.set(rigId, new SimulatorWitness(repository));
  }

  /** The repository of the first rig. */
  get repository(): SimulatedRepository {
    const [first] = this.repositories.values();
    if (first === undefined) throw new Error("This stage has no repository.");
    return first;
  }

  /** What a merge request waits for. */
  async waitsFor(mergeId: string | undefined): Promise<string | undefined> {
    if (mergeId === undefined) return undefined;
    const path = `${this.town.townPath}/merges/${mergeId}`;
    return (await this.town.api().get(mergeRequestShape, path)).waitingOn?.code;
  }

  /** Time goes on meanwhile, and a host that is killed is waited for. */
  async until<T>(
    what: string,
    read: () => Promise<T | undefined>,
    time: { readonly graceEnds?: boolean } = {},
  ): Promise<T> {
    for (;;) {
      const kills = this.killer.count;
      await this.killer.settled();
      try {
        return await this.pace.during(() => this.town.until(what, read), time);
      } catch (error) {
        if (this.killer.count === kills) throw error;
      }
    }
  }
}
