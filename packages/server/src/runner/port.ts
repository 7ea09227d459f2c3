/** The host's side of runners: one process (or container) per town. */

/** Where a town's runner listens. */
export interface RunnerAddress {
  /** `http://127.0.0.1:<port>`, without a trailing slash. */
  url: string;
  /** Per-instance secret of its control server. */
  bearer: string;
  instanceId: string;
}

export interface RunnerWish {
  /** A person waits for the mayor: its town comes before those that have only other work. */
  mayor?: boolean;
}

export interface RunnerPort {
  /**
   * Starts the runner where none runs, and resolves when it has registered. Calls for one town
   * share one start. Rejects with `runner_unavailable` where it did not come up in time, and with
   * `at_capacity` where the host runs as many as it may: then the town waits its turn, and is told
   * when that has come (the fact `runner_room`).
   */
  ensure(townId: string, wish?: RunnerWish): Promise<RunnerAddress>;
  /** The registered runner, or null. */
  current(townId: string): RunnerAddress | null;
  /** Drains and ends it; resolves when it is gone. Harmless where none runs. */
  stop(townId: string): Promise<void>;
  /** A runner registered: from now on it is the current one. Wakes every pending `ensure`. */
  registered(townId: string, address: RunnerAddress): void;
  /** That instance said its last word: it is not the current one any more, and ends by itself. */
  drained(townId: string, instanceId: string): void;
}
