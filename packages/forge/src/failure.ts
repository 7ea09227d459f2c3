/**
 * Inside this package a failed call throws a `ForgeFailure`; `answer` makes it the value that the
 * interface promises. Whatever else is thrown is a defect, or the caller's own abort, and stays thrown.
 */
import type { ForgeError } from "@gastown/protocol";
import type { Answer, Unsupported } from "./forge.ts";

export class ForgeFailure extends Error {
  readonly error: ForgeError;
  /** What the forge's answer said, parsed where it was JSON. For decisions only: never shown or stored. */
  readonly body: unknown;

  constructor(error: ForgeError, body?: unknown) {
    super(error.kind);
    this.name = "ForgeFailure";
    this.error = error;
    this.body = body;
  }

  /** The answer's status; null where there was none. */
  get status(): number | null {
    return this.error.kind === "http_error" ? this.error.status : null;
  }
}

/** The failure in what was thrown; a client library may have wrapped it. */
export function failureOf(thrown: unknown): ForgeFailure | null {
  for (let error = thrown; error instanceof Error; error = error.cause)
    if (error instanceof ForgeFailure) return error;
  return null;
}

/** The value, or the failure's error as an answer. */
export async function answer<T>(get: () => Promise<T>): Promise<Answer<T>> {
  try {
    return { kind: "ok", value: await get() };
  } catch (thrown) {
    return errorOf(thrown);
  }
}

/** The error of a failure; rethrows everything else. */
export function errorOf(thrown: unknown): ForgeError {
  const failure = failureOf(thrown);
  if (failure === null) throw thrown;
  return failure.error;
}

/** Whether it is a refusal with one of these statuses, and no rate limit that looks like one. */
export function refusedWith(statuses: readonly number[], thrown: unknown): boolean {
  const error = failureOf(thrown)?.error;
  return (
    error?.kind === "http_error" &&
    !error.transient &&
    error.status !== null &&
    statuses.includes(error.status)
  );
}

/** What `get` gives, or null where the forge refused for good with one of these statuses. */
export async function unlessStatus<T>(statuses: readonly number[], get: () => Promise<T>): Promise<T | null> {
  try {
    return await get();
  } catch (thrown) {
    if (refusedWith(statuses, thrown)) return null;
    throw thrown;
  }
}

export const unsupported = (what: string): Unsupported => ({ kind: "unsupported", what });
