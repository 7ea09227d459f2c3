/** Delivers what is on the disk: at least once, in order per lane (`packages/runner/src/callbacks`). */
import { GastownError } from "@gastown/protocol";
import type { Town } from "@gastown/town";
import type { TownLine } from "../host/town-line.ts";
import type { Network } from "../kernel/network.ts";
import { SECOND } from "../kernel/timeline.ts";
import type { World } from "../world/world.ts";
import type { Callback, Disk } from "./disk.ts";

const TIMEOUT = 10 * SECOND;
const LONGEST_PAUSE = 60 * SECOND;

export interface CallbackOptions {
  world: World;
  network: Network;
  host: TownLine;
  disk: Disk;
  name: string;
  epoch: () => number;
  alive: () => boolean;
  /** The town said that a newer instance has taken over. */
  onFenced: () => void;
}

export class Callbacks {
  readonly #options: CallbackOptions;
  readonly #busy = new Set<string>();

  constructor(options: CallbackOptions) {
    this.#options = options;
  }

  add(callback: Callback): void {
    this.#options.disk.callbacks.push(callback);
    this.pump();
  }

  get empty(): boolean {
    return this.#options.disk.callbacks.length === 0;
  }

  pump(): void {
    if (!this.#options.alive() || this.#options.epoch() === 0) return;
    for (const callback of this.#options.disk.callbacks) {
      if (this.#busy.has(callback.lane)) continue;
      this.#busy.add(callback.lane);
      this.#deliver(callback, 1);
    }
  }

  #deliver(callback: Callback, attempt: number): void {
    const { network, host, epoch, name, alive } = this.#options;
    network.call<unknown>({
      name: `${name} → town: ${callback.name}`,
      timeoutMs: TIMEOUT,
      deliver: () => host.request((town) => tellAsNewest(town, callback, epoch())),
      done: (outcome) => {
        if (!alive()) return;
        if (outcome.type === "error" && outcome.code === "runner_fenced") this.#options.onFenced();
        if (outcome.type === "ok" || outcome.type === "error") return this.#done(callback);
        const pause = Math.min(200 * 2 ** attempt, LONGEST_PAUSE);
        this.#options.world.time.after(pause, () => {
          if (alive()) this.#deliver(callback, attempt + 1);
        });
      },
    });
  }

  #done(callback: Callback): void {
    const { callbacks } = this.#options.disk;
    const index = callbacks.indexOf(callback);
    if (index !== -1) callbacks.splice(index, 1);
    this.#busy.delete(callback.lane);
    this.pump();
  }
}

/** The server's routes take nothing from an instance that is not the newest. */
function tellAsNewest(town: Town, callback: Callback, epoch: number): unknown {
  if (town.runnerEpoch() !== epoch) throw new GastownError("runner_fenced", "A newer runner has taken over.");
  return callback.tell(town, epoch);
}
