import { GastownError } from "@gastown/protocol";
import type { ClaimedEffect, EffectAnswer, EffectRequest } from "@gastown/town";
import type { RunnerClient } from "../runner/client.ts";
import type { RunnerAddress, RunnerWish } from "../runner/port.ts";
import type { ClockPorts, RunnerPort, SigningKey } from "../ports.ts";
import type { SealingKey } from "../credentials/seal.ts";
import type { NotifyWays } from "../notify/send.ts";
import type { ForgeFor, NotUnderstood } from "./forge.ts";

export interface EffectPorts extends Pick<ClockPorts, "now"> {
  runners: RunnerPort;
  /** Newest first; signs the sessions' tokens. */
  keys: readonly SigningKey[];
  /** Where agents reach the server, without a trailing slash. */
  publicUrl: string;
  /** Reaches repositories' hosting; without it there are no pull requests. */
  forgeFor?: ForgeFor;
  /** Open the addresses of notifiers; without them nobody outside is told. */
  sealingKeys?: readonly SealingKey[];
  /** How notifiers are reached; by the global `fetch`, and not by mail, where it is left out. */
  notifiers?: NotifyWays;
  /** Reaches runners; the global `fetch` where it is left out. */
  fetch?: typeof fetch;
}

/** What an executor works with. `signal` aborts at the effect's deadline. */
export interface EffectContext extends EffectPorts {
  client: RunnerClient;
  townId: string;
  effect: ClaimedEffect;
  notUnderstood: NotUnderstood;
  signal: AbortSignal;
}

/** One kind's request. */
export type RequestOf<K extends EffectRequest["kind"]> = Extract<EffectRequest, { kind: K }>;

const noRunner = (message: string): EffectAnswer => ({ type: "retry", message, counted: false });

/** The runner that is there; an answer to give back where there is none. */
export function currentRunner(context: EffectContext): RunnerAddress | EffectAnswer {
  return context.runners.current(context.townId) ?? noRunner("The town has no runner now.");
}

/** The runner, started where there is none. Waits no longer than the effect's deadline. */
export async function ensuredRunner(
  context: EffectContext,
  wish: RunnerWish = {},
): Promise<RunnerAddress | EffectAnswer> {
  const there = context.runners.current(context.townId);
  if (there !== null) return there;
  try {
    return await beforeDeadline(context.runners.ensure(context.townId, wish), context.signal);
  } catch (error) {
    return noRoomOf(error) ?? noRunner(messageOf(error));
  }
}

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : "The runner could not be started.";

/** The host runs as many runners as it may, and this town waits its turn there. */
export function noRoomOf(error: unknown): EffectAnswer | null {
  const isFull = error instanceof GastownError && error.code === "at_capacity";
  return isFull ? { type: "no_room", message: error.message } : null;
}

/** Rejects when the signal aborts first; what it waited for goes on by itself. */
export async function beforeDeadline<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(new Error("The runner did not come up in time."));
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort);
  try {
    return await Promise.race([work, late]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

export function isRunner(found: RunnerAddress | EffectAnswer): found is RunnerAddress {
  return "url" in found;
}
