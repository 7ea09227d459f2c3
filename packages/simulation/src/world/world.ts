/** Everything of a simulation that is shared: time, chance, faults, repositories, the trace. */
import { Forge } from "../forge/forge.ts";
import { Faults, type FaultPlan } from "../kernel/faults.ts";
import { Random } from "../kernel/random.ts";
import type { Worktree } from "../runner/disk.ts";
import { Timeline } from "../kernel/timeline.ts";
import { History } from "./history.ts";
import { Provider } from "./provider.ts";
import { Remote } from "./remote.ts";

/** Merging only what has not landed; removing only what is saved. */
export type RunnerDuty = "landed_question" | "saved_work";

export interface TraceEntry {
  at: number;
  text: string;
}

export class World {
  readonly time = new Timeline();
  readonly random: Random;
  readonly faults: Faults;
  readonly history = new History();
  readonly forge: Forge;
  readonly provider = new Provider(this.time);
  readonly #remotes = new Map<string, Remote>();
  readonly trace: TraceEntry[] = [];
  /** Verdicts as they were given, as `merge request head`. */
  readonly approvals = new Set<string>();
  /** What this world's runners fail to do (a mutation of the tests). */
  lacks: RunnerDuty | null = null;
  /** A runner has pushed to a target: what has to be so is checked in that moment. */
  pushed: () => void = () => undefined;
  /** A call of a session was not refused: whether it should have been is checked in that moment. */
  letThrough: (
    claims: { sessionId: string; epoch: number },
    how: { live: boolean; changed: boolean },
  ) => void = () => undefined;
  /** A worktree is gone: whether its work was saved is checked in that moment. */
  removed: (tree: Worktree) => void = () => undefined;
  /** Tokens that each session has really used. */
  readonly used = new Map<string, number>();
  readonly #tracing: boolean;

  constructor(seed: number, plan: FaultPlan, tracing: boolean) {
    this.random = new Random(seed);
    this.#tracing = tracing;
    this.faults = new Faults(plan, this.random.fork("faults"), (kind, occasion) =>
      this.note(() => `! ${kind} (fault ${occasion})`),
    );
    this.forge = new Forge(this);
  }

  /** A line of the trace; it costs nothing while nobody reads it. */
  note(text: () => string): void {
    if (this.#tracing) this.trace.push({ at: this.time.now, text: text() });
  }

  use(sessionId: string, tokens: number): void {
    this.used.set(sessionId, (this.used.get(sessionId) ?? 0) + tokens);
  }

  remote(rigId: string): Remote {
    let remote = this.#remotes.get(rigId);
    if (!remote) {
      remote = new Remote(this.history, rigId);
      this.#remotes.set(rigId, remote);
    }
    return remote;
  }

  remotes(): Remote[] {
    return [...this.#remotes.values()];
  }
}
