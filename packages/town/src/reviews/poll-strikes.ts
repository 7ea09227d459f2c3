/**
 * How failed polls of a pull request count (spec/review.md §4.1). Two counters, budgets and message
 * are this one pure function, which the code that runs calls, and nothing else counts.
 *
 *   error                               adds to        resets         over after
 *   5xx, 429, limits, network, timeout  transient      non-transient  10 in a row
 *   not JSON, not the shape             non-transient  transient      3 in a row
 *   no token, url, host, other 4xx      non-transient  transient      the first
 *   this machine is offline             –              –              never
 */
import type { ForgeError, ForgeKind } from "@gastown/protocol";
import { forgeMessage } from "./poll-messages.ts";

const TRANSIENT_BUDGET = 10;
const INVALID_BUDGET = 3;

export interface PollCounters {
  transient: number;
  nonTransient: number;
  /** An older version's only counter: it seeds the transient one, once. */
  legacy: number | null;
  /** Kind of the last error; null after a success. */
  errorKind: ForgeError["kind"] | null;
}

export interface Strike {
  counters: PollCounters;
  /** The budget is spent: the merge request has failed. */
  spent: boolean;
  /** How many errors of this sort in a row, this one included. */
  strikes: number;
  /** The forge asked to be left alone for this long (ms). */
  retryAfterMs: number | null;
  /** What happened and what to do, for a person. */
  message: string;
  provider: ForgeKind;
  status: number | null;
}

/** A poll that brought an answer: both counters begin anew, and no old one seeds them any more. */
export function pollSucceeded(): PollCounters {
  return { transient: 0, nonTransient: 0, legacy: null, errorKind: null };
}

/** Counts one error. `provider` is the rig's, for errors that do not name one. */
export function pollFailed(before: PollCounters, error: ForgeError, provider: ForgeKind): Strike {
  const http = error.kind === "http_error" ? error : null;
  const common = {
    retryAfterMs: http?.retry_after_ms ?? null,
    message: forgeMessage(error, provider),
    provider: "provider" in error ? error.provider : provider,
    status: http?.status ?? null,
  };
  if (http?.offline === true)
    return { ...common, counters: { ...before, errorKind: error.kind }, spent: false, strikes: 0 };
  const seeded = before.legacy === null ? before.transient : Math.max(before.transient, before.legacy);
  if (http?.transient === true) {
    const strikes = seeded + 1;
    const counters = { transient: strikes, nonTransient: 0, legacy: null, errorKind: error.kind };
    return { ...common, counters, spent: strikes >= TRANSIENT_BUDGET, strikes };
  }
  const strikes = before.nonTransient + 1;
  const counters = { transient: 0, nonTransient: strikes, legacy: null, errorKind: error.kind };
  const budget = error.kind === "invalid_response" ? INVALID_BUDGET : 1;
  return { ...common, counters, spent: strikes >= budget, strikes };
}
