/** Under which conditions a story is told: it must end the same way under all of them. */
import { seededRandom } from "../../packages/forge/simulator/faults/faults.ts";
import type { ForgeSimulator } from "../../packages/forge/simulator/index.ts";
import type { TownProcess } from "../faults/town-process.ts";

export type Condition =
  | { readonly kind: "healthy" }
  /** Of all requests to the forge 20 % fail, to its API as of git itself. */
  | { readonly kind: "failing"; readonly seed: number }
  /** The host is killed in the middle of requests and started again. */
  | { readonly kind: "killed"; readonly seed: number };

const SHARE = 0.2;
const KILLS = 3;
/** Every story makes more requests than this. */
const SURE_REQUESTS = 12;

/** Kills the host while it waits for an answer of the forge, and starts it again. */
export class Killer {
  readonly #town: TownProcess;
  #under: Promise<void> = Promise.resolve();
  /** How often it began so far. */
  count = 0;

  constructor(town: TownProcess) {
    this.#town = town;
  }

  /** Resolves when the host is there again. */
  settled(): Promise<void> {
    return this.#under;
  }

  /**
   * When a pull request is to be opened, when one is to be merged, and at any one request of the first
   * ones: each before it happens or when it has, as the seed says.
   */
  arm({ faults }: ForgeSimulator, seed: number): void {
    const random = seededRandom(seed);
    const points = [
      { what: "opening", method: "POST", path: /\/(pulls|merge_requests)$/ },
      { what: "merging", method: "PUT", path: /\/merge$/ },
      { what: "any", path: /./, after: Math.floor(random() * SURE_REQUESTS) },
    ];
    for (const { what, ...point } of points) {
      const moment = random() < 0.5 ? "asked" : "done";
      const meanwhile = (): Promise<void> => {
        const after = point.after === undefined ? "" : `, request ${point.after + 1}`;
        console.log(`  the host is killed: ${what}${after}, ${moment}`);
        return this.#kill();
      };
      faults.add({ ...point, fault: { kind: "interrupt", moment, meanwhile } });
    }
  }

  #kill(): Promise<void> {
    this.count += 1;
    this.#under = this.#killAfter(this.#under);
    return this.#under;
  }

  /** Requests of the dead host may be answered after its end: one kill after another. */
  async #killAfter(earlier: Promise<void>): Promise<void> {
    await earlier;
    await this.#town.killHost();
    await this.#town.up();
  }
}

/** Whether the story was told under that condition at all. */
export function wasApplied(condition: Condition, simulator: ForgeSimulator, killer: Killer): boolean {
  if (condition.kind === "healthy") return simulator.faults.spoiled === 0;
  return condition.kind === "failing"
    ? simulator.faults.spoiled > 0 && simulator.gitFaults.spoiled > 0
    : killer.count === KILLS;
}

export function apply(condition: Condition, simulator: ForgeSimulator, killer: Killer): void {
  if (condition.kind === "failing") {
    simulator.faults.share(SHARE, condition.seed);
    simulator.gitFaults.share(SHARE, condition.seed + 1);
  }
  if (condition.kind === "killed") killer.arm(simulator, condition.seed);
}
