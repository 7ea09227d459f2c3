/**
 * What the runner accepted with 202 (spec/runner.md §1): idempotent by effect id. A repeat of a
 * running one attaches, of a finished one sends its result again; before its push begins it can be
 * withdrawn.
 */
import { GastownError } from "@gastown/protocol";
import type { EffectOutcome } from "@gastown/protocol";
import type { Sender } from "../callbacks/sender.ts";
import type { Log } from "../options.ts";

export interface EffectContext {
  readonly signal: AbortSignal;
  /** Asked right before something leaves for the remote; after a true answer it cannot be withdrawn. */
  readonly canPush: () => boolean;
}

type Work = (context: EffectContext) => Promise<EffectOutcome>;

interface Effect {
  /** The newest attempt that asked: its number goes with the result. */
  attempt: number;
  result: EffectOutcome | null;
  withdrawn: boolean;
  pushing: boolean;
  readonly abort: AbortController;
  readonly over: Promise<void>;
}

const KEEP = 500;

export class Effects {
  readonly #sender: Pick<Sender, "effect">;
  readonly #log: Log;
  readonly #effects = new Map<string, Effect>();
  #stopped = false;

  constructor(sender: Pick<Sender, "effect">, log: Log) {
    this.#sender = sender;
    this.#log = log;
  }

  /** Runs `work` once for this id; its outcome goes to the town. */
  begin(effectId: string, attempt: number, work: Work): void {
    const known = this.#effects.get(effectId);
    if (known !== undefined) {
      known.attempt = Math.max(known.attempt, attempt);
      if (known.result !== null) this.#send(effectId, known);
      return;
    }
    const over = Promise.withResolvers<void>();
    const abort = new AbortController();
    const effect: Effect = {
      attempt,
      result: null,
      withdrawn: false,
      pushing: false,
      abort,
      over: over.promise,
    };
    this.#effects.set(effectId, effect);
    void this.#run(effectId, effect, work).then(over.resolve);
  }

  /**
   * Takes an effect back; its outcome is then `withdrawn`. Unknown and finished ones are fine.
   * @throws GastownError `invalid_transition` when its push has begun
   */
  withdraw(effectId: string): void {
    const effect = this.#effects.get(effectId);
    if (effect === undefined || effect.result !== null) return;
    if (effect.pushing) {
      throw new GastownError("invalid_transition", "Its push has begun; its result follows by callback.");
    }
    effect.withdrawn = true;
    effect.abort.abort(new Error("The effect was withdrawn."));
  }

  /** Aborts what runs: the next instance is asked again, and each begins by reading the remote. */
  async stop(): Promise<void> {
    this.#stopped = true;
    const running = [...this.#effects.values()].filter((effect) => effect.result === null);
    for (const { abort } of running) abort.abort(new Error("The runner ends."));
    await Promise.all(running.map((effect) => effect.over));
  }

  async #run(effectId: string, effect: Effect, work: Work): Promise<void> {
    const canPush = (): boolean => {
      if (effect.withdrawn || this.#stopped) return false;
      effect.pushing = true;
      return true;
    };
    let result: EffectOutcome;
    try {
      result = await work({ signal: effect.abort.signal, canPush });
    } catch (thrown) {
      result = { outcome: "error", message: thrown instanceof Error ? thrown.message : String(thrown) };
    }
    if (effect.withdrawn) result = { outcome: "withdrawn" };
    effect.result = result;
    this.#log("effect.done", { effect_id: effectId, outcome: result.outcome });
    // What was cut off by our own end says nothing about the work: the town asks the next instance.
    if (!this.#stopped || result.outcome !== "error") this.#send(effectId, effect);
    this.#forgetOldest();
  }

  #send(effectId: string, effect: Effect): void {
    this.#sender.effect(effectId, { attempt: effect.attempt, result: effect.result });
  }

  #forgetOldest(): void {
    for (const [id, { result }] of this.#effects) {
      if (this.#effects.size <= KEEP) return;
      if (result !== null) this.#effects.delete(id);
    }
  }
}
