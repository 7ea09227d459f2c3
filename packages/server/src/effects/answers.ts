/** What a runner's answer means for an effect. */
import type { EffectAnswer } from "@gastown/town";
import type { RunnerCall } from "../runner/client.ts";

type Failure = Exclude<RunnerCall, { type: "ok" }>;

/** Without a runner no try counts; with one, an unknown result does. */
export function unreached(call: Exclude<Failure, { type: "error" }>): EffectAnswer {
  return { type: "retry", message: call.message, counted: call.type === "unknown" };
}

/**
 * Work that is repeated until it is done: *not now* (5xx) is tried again, and counts only where the
 * runner failed, not where it has no room or goes; what it refuses (4xx) is dead. Not so where it has
 * another life of that session: either the request was written before this runner registered, or a
 * newer one has taken over. The next try is written anew, and goes to whichever is there then.
 */
export function failedWork(call: Failure): EffectAnswer {
  if (call.type !== "error") return unreached(call);
  if (call.code === "session_fenced") return { type: "retry", message: call.message, counted: false };
  if (call.status < 500) return { type: "refused", reason: { code: call.code, message: call.message } };
  return {
    type: "retry",
    message: call.message,
    counted: call.status !== 503,
    ...(call.retryAfterMs === undefined ? {} : { retryAfterMs: call.retryAfterMs }),
  };
}

/** What the runner took with 202 comes back by callback. */
export function accepted(call: RunnerCall): EffectAnswer {
  return call.type === "ok" ? { type: "accepted" } : failedWork(call);
}
