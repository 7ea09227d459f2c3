/** A turn whose model does not answer is repeated, for an hour at most; then its session is evicted (spec/runner.md §4). */
import type { HeartbeatSession } from "@gastown/protocol";
import { HOUR, MINUTE } from "../kernel/timeline.ts";
import type { AgentSession } from "./agent-session.ts";

const LONGEST = HOUR;

export class ModelWait {
  readonly #session: AgentSession;
  /** Virtual milliseconds. */
  #since: number | null = null;
  /** The machine's clock, epoch milliseconds. */
  #until = 0;

  constructor(session: AgentSession) {
    this.#session = session;
  }

  /** Runs `run` as soon as the model answers. */
  turn(run: () => void): void {
    const session = this.#session;
    const { time, provider } = session.runner.world;
    if (provider.silentFor === 0) {
      if (this.#since !== null) session.frozenAt = null;
      this.#since = null;
      return run();
    }
    session.frozenAt ??= session.runner.wallNow();
    this.#since ??= time.now;
    const left = this.#since + LONGEST - time.now;
    if (left <= 0) return session.end("evicted", "model_unavailable");
    // Some providers say when, the others are asked again after a while.
    const { random } = session.runner;
    const pause = Math.min(left, random.chance(0.5) ? provider.silentFor : random.skewed(MINUTE, HOUR));
    this.#until = session.runner.wallNow() + pause;
    session.runner.noteModelDown(this.#until);
    session.later(pause, () => this.turn(run));
  }

  get told(): Pick<HeartbeatSession, "waiting_for_model"> {
    if (this.#since === null) return {};
    return { waiting_for_model: { until: this.#until, provider: "acme", message: "Overloaded" } };
  }
}
