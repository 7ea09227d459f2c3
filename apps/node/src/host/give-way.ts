export interface GiveWayOptions {
  /** How many places are wanted beyond those that become free by themselves. */
  readonly needed: () => number;
  /** Towns with a runner, whoever has had it longest first. */
  readonly holders: () => readonly string[];
  /** Tells a town that others wait; whether it lets its runner go now. Never rejects. */
  readonly ask: (townId: string) => Promise<boolean>;
}

/**
 * Towns wait for a runner and all places are taken: those that have one are told, whoever has had it
 * longest first, until as many as are needed go. Who is at work keeps its place, and gives it up when
 * that is over.
 */
export class GiveWay {
  readonly #options: GiveWayOptions;
  /** Said yes and are not gone yet. */
  readonly #leaving = new Set<string>();
  #asking = false;
  #again = false;

  constructor(options: GiveWayOptions) {
    this.#options = options;
  }

  wanted(): void {
    this.#again = true;
    if (!this.#asking) void this.#round();
  }

  async #round(): Promise<void> {
    this.#asking = true;
    while (this.#again) {
      this.#again = false;
      await this.#askAll();
    }
    this.#asking = false;
  }

  async #askAll(): Promise<void> {
    const { needed, holders, ask } = this.#options;
    const present = new Set(holders());
    for (const townId of this.#leaving) if (!present.has(townId)) this.#leaving.delete(townId);
    for (const townId of present) {
      if (needed() - this.#leaving.size <= 0) return;
      if (!this.#leaving.has(townId) && (await ask(townId))) this.#leaving.add(townId);
    }
  }
}
