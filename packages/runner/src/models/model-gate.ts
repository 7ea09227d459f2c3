/**
 * One breaker per provider and key (spec/runner.md §4): who has met a limit keeps everybody else from
 * running into it, until one request has been answered again.
 *
 *   closed → open     a turn ended with the model's trouble
 *   open   → probing  its time is over; one turn, or one start, may try
 *   probing → closed  something came from the model: everybody goes on
 *   probing → open    it was refused again (the wait is longer where the provider says none), or is over
 *                     without an answer (the next one tries at once)
 */
import { backoffMs } from "../backoff.ts";
import type { SetTimer } from "../options.ts";
import type { Provider } from "./provider-key.ts";
import type { ModelTrouble } from "./trouble.ts";

/** What a session waits for before its next turn. */
export interface ModelWait {
  /** When it may be tried again (epoch ms), as far as that is known; a probe may be under way. */
  readonly until: number;
  /** A sentence without a full stop. */
  readonly message: string;
  readonly provider: string;
  /** Of the provider, as `Provider` has it. */
  readonly key: string;
}

interface Open {
  readonly trouble: ModelTrouble;
  readonly provider: Provider;
  /** When the next one may try; while one does, when it is worth asking again. */
  until: number;
  /** Refusals in a row. */
  readonly refusals: number;
  readonly stopTimer: () => void;
  /** The session that tries. */
  prober: string | null;
}

export interface ModelGateOptions {
  /** Length of a minute, in milliseconds. */
  readonly minuteMs: number;
  readonly setTimer: SetTimer;
  readonly now?: () => number;
  /** Somebody who waits may go on: everybody is asked. */
  readonly onChange: () => void;
}

const SOONEST_MS = 1_000;

/** What a person can do about a model that does not answer. */
export const MODEL_ACTION =
  "It is tried again by itself. Another model, or another key, works at once: gastown config set default_model=…";

export class ModelGate {
  readonly #options: ModelGateOptions;
  readonly #open = new Map<string, Open>();
  /** Keys of those that have answered, which the town has not been told. */
  readonly #answered = new Set<string>();

  constructor(options: ModelGateOptions) {
    this.#options = options;
  }

  /** Null: this session may ask that provider now; where one is to try, it is the one. */
  enter({ key }: Provider, sessionId: string): ModelWait | null {
    const open = this.#open.get(key);
    if (open === undefined || open.prober === sessionId) return null;
    if (open.prober === null && open.until <= this.#now()) {
      open.prober = sessionId;
      open.until = this.#now() + this.#backoff(1);
      return null;
    }
    return waitOf(open);
  }

  /** A turn ended so. Only a refused probe makes the wait longer: others ran into the same wall. */
  refused(provider: Provider, sessionId: string, trouble: ModelTrouble): ModelWait {
    const { key } = provider;
    this.#answered.delete(key);
    const before = this.#open.get(key);
    const isNews = before === undefined || before.prober === sessionId;
    const refusals = (before?.refusals ?? 0) + (isNews ? 1 : 0);
    const now = this.#now();
    const wanted = Math.max(trouble.until ?? now + this.#backoff(refusals), now + SOONEST_MS);
    const until = isNews ? wanted : Math.max(wanted, before.until);
    before?.stopTimer();
    const stopTimer = this.#options.setTimer(until - now, this.#options.onChange);
    const prober = isNews ? null : before.prober;
    const open: Open = { trouble, provider, until, refusals, stopTimer, prober };
    this.#open.set(key, open);
    return waitOf(open);
  }

  /** Something came from the model for a turn that began after the refusal. */
  answered({ key }: Provider, sessionId: string): void {
    this.#answered.add(key);
    const open = this.#open.get(key);
    if (open?.prober !== sessionId) return;
    open.stopTimer();
    this.#open.delete(key);
    this.#options.onChange();
  }

  /** Who has answered, for the town: it may have told a person that nobody did, before this runner began. */
  get news(): readonly string[] {
    return [...this.#answered];
  }

  /** The town knows of these. */
  told(keys: readonly string[]): void {
    for (const key of keys) this.#answered.delete(key);
  }

  /** The session does not try any more: it is over, or waits for another provider now. */
  left(sessionId: string): void {
    const left = [...this.#open.values()].filter(({ prober }) => prober === sessionId);
    for (const open of left) Object.assign(open, { prober: null, until: this.#now() });
    if (left.length > 0) this.#options.onChange();
  }

  /** After the n-th refusal in a row that came without a reset time. */
  #backoff(refusals: number): number {
    return backoffMs(refusals, this.#options.minuteMs);
  }

  #now(): number {
    return (this.#options.now ?? Date.now)();
  }
}

function waitOf({ trouble, provider, until }: Open): ModelWait {
  return { until, message: trouble.message, provider: provider.name, key: provider.key };
}
