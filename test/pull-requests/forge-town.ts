/**
 * A town whose rig is on a simulated GitHub: real repository, real executable, scripted agents. A program
 * checks every head that a pull request has, and webhooks tell the town of all that happens there, so that
 * nothing here waits for a poll.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { convoyDetail, type ConvoyDetail, type TownConfig } from "@gastown/protocol";
import { onTestFinished } from "vitest";
import {
  startForgeSimulator,
  type ForgeSimulator,
  type SimulatedRepository,
} from "../../packages/forge/simulator/index.ts";
import { bodyOf, type Script } from "../faults/script.ts";
import { TownProcess } from "../faults/town-process.ts";

const WEBHOOK_SECRET = "a-secret-of-this-test-only";

/** A home directory whose git sends this token to the forge. */
function homeWith(forge: string, token: string): string {
  const home = mkdtempSync(join(tmpdir(), "gastown-home-"));
  onTestFinished(() => rmSync(home, { recursive: true, force: true }));
  const basic = Buffer.from(`town:${token}`).toString("base64");
  writeFileSync(
    join(home, ".gitconfig"),
    `[http "${forge}/"]\n\textraHeader = Authorization: Basic ${basic}\n`,
  );
  return home;
}

export class ForgeTown {
  readonly town: TownProcess;
  readonly simulator: ForgeSimulator;
  readonly repository: SimulatedRepository;
  readonly #checked = new Set<string>();

  private constructor(town: TownProcess, simulator: ForgeSimulator, repository: SimulatedRepository) {
    this.town = town;
    this.simulator = simulator;
    this.repository = repository;
  }

  static async start(config: TownConfig): Promise<ForgeTown> {
    const simulator = await startForgeSimulator();
    onTestFinished(() => simulator.close());
    const repository = await simulator.repository({
      forge: "github",
      path: "acme/tool",
      members: { town: "write", alice: "write" },
    });
    const token = simulator.token("town");
    const town = await TownProcess.start({
      hosted: { dir: repository.dir, cloneUrl: repository.cloneUrl },
      env: {
        GASTOWN_GITHUB_URL: simulator.url,
        // The host's own git may read and write it; the town's calls of the API have the stored token.
        HOME: homeWith(simulator.url, token),
      },
      config: { merge_strategy: "pr", ...config, credentials: { github_token: token } },
    });
    await town.api().raw("PATCH", `${town.rigPath}/config`, {
      body: { credentials: { webhook_secret: WEBHOOK_SECRET } },
    });
    const url = `${town.host.url}${town.rigPath}/webhooks/github`;
    repository.hook({ url, secret: WEBHOOK_SECRET });
    return new ForgeTown(town, simulator, repository);
  }

  /** Reports a green check for every head of an open pull request that has none yet. */
  async #check(): Promise<void> {
    for (const { state, headSha } of await this.repository.pulls()) {
      if (state !== "open" || this.#checked.has(headSha)) continue;
      this.#checked.add(headSha);
      this.repository.check(headSha, { name: "ci" });
    }
  }

  /** What `read` gives, asked after everything that happens, with all heads checked meanwhile. */
  until<T>(what: string, read: () => Promise<T | undefined>): Promise<T> {
    return this.town.until(what, async () => {
      await this.#check();
      return read();
    });
  }

  /** Resolves when these beads are merged. */
  land(ids: readonly string[]): Promise<true> {
    return this.until("everything to land", async () => {
      const beads = await Promise.all(ids.map((id) => this.town.bead(id)));
      const lost = beads.find(
        ({ status, reason, held }) =>
          held || status === "failed" || (status === "closed" && reason !== "merged"),
      );
      if (lost !== undefined) throw new Error(`${lost.title} is ${lost.status}: ${lost.reason}`);
      return beads.every(({ status }) => status === "closed") ? true : undefined;
    });
  }

  /** A chain: each task after the one before it. Begun at once. */
  async slingChain(
    title: string,
    mode: "review-then-land" | "review-and-merge",
    scripts: readonly Script[],
  ): Promise<ConvoyDetail> {
    const tasks = scripts.map((script, index) => ({
      title: `Part ${index}`,
      body: bodyOf(script),
      ...(index === 0 ? {} : { after: `Part ${index - 1}` }),
    }));
    const file = join(this.town.world.root, "chain.json");
    writeFileSync(file, JSON.stringify({ title, mode, staged: false, tasks }));
    return (await this.town.world.must(["convoy", "sling", file, "--json"])).json(convoyDetail);
  }

  convoy(id: string): Promise<ConvoyDetail> {
    return this.town.api().get(convoyDetail, `${this.town.townPath}/convoys/${id}`);
  }
}
