/**
 * One session and its model (spec/runner.md §4): before each turn its provider's gate is asked; a turn that
 * ended with the model's trouble is repeated when the gate opens. Everything else of the session waits
 * meanwhile. That is no failure, but it does not last for ever either.
 */
import type { FailureReason, HeartbeatSession, StartRequest } from "@gastown/protocol";
import type { Runtime } from "../agents/runtimes.ts";
import { MODEL_ACTION, type ModelWait } from "../models/model-gate.ts";
import type { Provider } from "../models/provider-key.ts";
import { modelTrouble } from "../models/trouble.ts";
import type { SessionDeps } from "./deps.ts";
import { providerOfRequest } from "./launching.ts";
import type { Ending } from "./leaving.ts";
import { repeated } from "./prompts.ts";
import type { Transcript } from "./transcript.ts";
import type { Prompt, TurnEnd, Turns } from "./turns.ts";

export interface ModelAccessOptions {
  readonly request: StartRequest;
  readonly deps: SessionDeps;
  readonly turns: Pick<Turns, "add" | "drop" | "waiting">;
  readonly transcript: Pick<Transcript, "notice">;
  readonly runtime: () => Runtime | undefined;
  /** It has waited for an hour in all since a turn last went well. */
  readonly onPatienceOver: (ending: Ending) => void;
}

const PATIENCE_MINUTES = 60;

export class ModelAccess {
  readonly #options: ModelAccessOptions;
  #wait: ModelWait | null = null;
  #provider: Provider | null = null;
  /** Milliseconds waited before the present wait. */
  #waitedMs = 0;
  #endWait: (() => void) | null = null;

  constructor(options: ModelAccessOptions) {
    this.#options = options;
  }

  /** What it waits for; null: nothing. */
  get wait(): ModelWait | null {
    return this.#wait;
  }

  /** The same for the town. */
  get told(): NonNullable<HeartbeatSession["waiting_for_model"]> | null {
    if (this.#wait === null) return null;
    const { key: _key, ...told } = this.#wait;
    return told;
  }

  /** Asked whenever a turn could begin. Where it may not, the gate's change asks again. */
  mayBegin(): boolean {
    const { models } = this.#options.deps;
    if (this.#options.turns.waiting === 0) {
      models.left(this.#id);
      this.#show(null);
      return true;
    }
    const wanted = this.#wanted();
    if (this.#provider !== null && this.#provider.key !== wanted.key) models.left(this.#id);
    this.#provider = wanted;
    this.#show(models.enter(wanted, this.#id));
    return this.#wait === null;
  }

  /** Something came from the model in this turn: others may ask it again. */
  answered(): void {
    if (this.#provider !== null) this.#options.deps.models.answered(this.#provider, this.#id);
  }

  /** True: the turn is not over, but stopped by the model's trouble; it comes next, once it may. */
  postpones(end: TurnEnd): boolean {
    const { turns, runtime, deps } = this.#options;
    const trouble = modelTrouble(end, runtime(), Date.now());
    if (trouble === null) {
      // What only began to answer does not count: it may stop in the middle every time.
      if (end.error === null) this.#waitedMs = 0;
      return false;
    }
    turns.add(repeated(end.prompt, end.answered), true);
    this.#provider ??= this.#wanted();
    this.#show(deps.models.refused(this.#provider, this.#id, trouble));
    return true;
  }

  /** Takes back the turn that is to be repeated; null: none is. */
  giveUp(): Prompt | null {
    return this.#wait === null ? null : this.#options.turns.drop();
  }

  /** The session ends. */
  end(): void {
    this.#endWait?.();
    this.#wait = null;
    this.#options.deps.models.left(this.#id);
  }

  get #id(): string {
    return this.#options.request.session_id;
  }

  #wanted(): Provider {
    return providerOfRequest(this.#options.request, this.#options.deps);
  }

  #show(wait: ModelWait | null): void {
    const before = this.#wait;
    this.#wait = wait;
    if (wait === null) this.#endWait?.();
    else this.#endWait ??= this.#beginWait();
    if (wait?.until === before?.until && wait?.message === before?.message) return;
    if (wait !== null) this.#options.transcript.notice("warning", textOf(wait));
    void this.#options.deps.pulse.now();
  }

  #beginWait(): () => void {
    const { deps, onPatienceOver } = this.#options;
    const since = performance.now();
    const left = Math.max(0, PATIENCE_MINUTES * deps.timing.minuteMs - this.#waitedMs);
    const stopTimer = deps.setTimer(left, () => onPatienceOver(waitedTooLong(this.#wait)));
    return () => {
      stopTimer();
      this.#waitedMs += performance.now() - since;
      this.#endWait = null;
    };
  }
}

function textOf({ provider, until, message }: ModelWait): string {
  return `Waiting for ${provider} until ${new Date(until).toISOString()}: ${message}. The turn is repeated then.`;
}

function waitedTooLong(wait: ModelWait | null): Ending {
  const why = wait === null ? "" : `: ${wait.message}`;
  const reason: FailureReason = {
    code: "model_unavailable",
    message: `The agent has waited for its model for ${PATIENCE_MINUTES} min${why}.`,
    action: MODEL_ACTION,
    ...(wait === null ? {} : { until: wait.until, provider: { key: wait.key, name: wait.provider } }),
  };
  return { outcome: "evicted", reason };
}
