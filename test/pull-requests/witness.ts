/** What a forge itself shows, asked beside the town: the proof of a story is never the town's own word. */
import { git } from "../../apps/node/src/demo/git.ts";
import type { SimulatedRepository } from "../../packages/forge/simulator/index.ts";

export interface SeenPull {
  readonly number: number;
  readonly branch: string;
  readonly base: string;
  readonly state: "open" | "merged" | "closed";
  readonly headSha: string;
}

export interface Witness {
  /** Oldest first. */
  pulls(): Promise<readonly SeenPull[]>;
  /** Every commit of a branch. */
  history(branch: string): Promise<readonly string[]>;
}

export class SimulatorWitness implements Witness {
  readonly #repository: SimulatedRepository;

  constructor(repository: SimulatedRepository) {
    this.#repository = repository;
  }

  async pulls(): Promise<readonly SeenPull[]> {
    const pulls = await this.#repository.pulls();
    return pulls.map(({ from, ...pull }) => ({ ...pull, branch: from.branch }));
  }

  async history(branch: string): Promise<readonly string[]> {
    return (await git(["rev-list", branch], { cwd: this.#repository.dir })).split("\n");
  }
}
