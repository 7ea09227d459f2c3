import { GastownError } from "@gastown/protocol";
import type { SetTimer } from "./runner-process.ts";

/** A town that was told of its place and does not come gives it on. */
const RESERVED_MS = 60_000;

export interface PlacesOptions {
  /** `max_instances`. */
  readonly max: number;
  /** Towns with a runner: one that starts, runs, or is not gone yet. */
  readonly occupied: () => ReadonlySet<string>;
  readonly setTimer: SetTimer;
  /** A town's turn has come; its place is kept for a minute. */
  readonly onRoom: (townId: string) => void;
  /** Somebody waits: whoever has a place and nothing to do in it may be asked to give way. */
  readonly onWanted: () => void;
}

/**
 * Places for runners on one host. Who finds none waits: first come, first served over all towns, those
 * whose mayor is waited for first.
 */
export class Places {
  readonly #options: PlacesOptions;
  /** In the order in which they came. */
  readonly #waiting = new Set<string>();
  readonly #mayors = new Set<string>();
  readonly #reserved = new Map<string, () => void>();

  constructor(options: PlacesOptions) {
    this.#options = options;
  }

  /** How many towns wait. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** A person waits for that town's mayor: should it have to wait, it comes first. */
  prefer(townId: string): void {
    this.#mayors.add(townId);
  }

  /** @throws GastownError `at_capacity`, with the town's number in the queue */
  take(townId: string): void {
    const { max, occupied } = this.#options;
    const isReserved = this.#unreserve(townId);
    if (isReserved || occupied().has(townId) || this.#free() > 0) {
      this.#waiting.delete(townId);
      this.#mayors.delete(townId);
      return;
    }
    this.#waiting.add(townId);
    this.#options.onWanted();
    const number = this.#queue().indexOf(townId) + 1;
    throw new GastownError(
      "at_capacity",
      `waits for a runner: this host runs ${max} of at most ${max} (server setting max_instances); number ${number} in the queue`,
    );
  }

  /** A runner is gone, or did not come up: whoever waited longest is told. */
  freed(): void {
    for (const townId of this.#queue().slice(0, Math.max(0, this.#free()))) {
      this.#waiting.delete(townId);
      const cancel = this.#options.setTimer(RESERVED_MS, () => {
        if (this.#unreserve(townId)) this.freed();
      });
      this.#reserved.set(townId, cancel);
      this.#options.onRoom(townId);
    }
  }

  #unreserve(townId: string): boolean {
    this.#reserved.get(townId)?.();
    return this.#reserved.delete(townId);
  }

  #free(): number {
    const taken = new Set([...this.#options.occupied(), ...this.#reserved.keys()]);
    return this.#options.max - taken.size;
  }

  #queue(): string[] {
    const waiting = [...this.#waiting];
    const first = waiting.filter((townId) => this.#mayors.has(townId));
    return [...first, ...waiting.filter((townId) => !this.#mayors.has(townId))];
  }
}
