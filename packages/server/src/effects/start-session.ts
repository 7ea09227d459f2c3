import type { FailureReason } from "@gastown/protocol";
import type { EffectAnswer } from "@gastown/town";
import { z } from "zod";
import type { RunnerError } from "../runner/client.ts";
import { startOf } from "../runner/start-request.ts";
import { unreached } from "./answers.ts";
import { ensuredRunner, isRunner, type EffectContext, type RequestOf } from "./context.ts";

/**
 * A start has three answers (decision 2): taken, refused with a typed reason, or unknown. Unknown
 * is tried again with the same session id, which the runner knows; the session's lease decides.
 */
export async function startSession(
  context: EffectContext,
  { plan }: RequestOf<"start_session">,
): Promise<EffectAnswer> {
  const runner = await ensuredRunner(context, { mayor: plan.role === "mayor" });
  if (!isRunner(runner)) return runner;
  const { request: body, refusal } = await startOf(context, context.townId, plan, context.now());
  if (refusal !== null) return { type: "refused", reason: { phase: PHASE, ...refusal } };
  const call = await context.client.call(runner, {
    method: "POST",
    path: "/agents/start",
    body,
    signal: context.signal,
  });
  if (call.type === "ok") return { type: "done" };
  if (call.type !== "error") return unreached(call);
  // The plan was made before this runner registered, which raised the epoch: the next try carries the
  // new one. Where the session itself is over, there will be no next try.
  if (call.code === "session_fenced") return { type: "retry", message: call.message, counted: false };
  const untyped = call.status >= 500 && call.status !== 503;
  if (untyped) return { type: "retry", message: call.message, counted: true };
  return { type: "refused", reason: reasonOf(call) };
}

/** What is refused before anything was done for it has come no further than to its process. */
const PHASE = "process";
const TRIED_AGAIN = "It is tried again by itself. The log of the runner says more.";
const told = z.object({ until: z.int(), action: z.string() }).partial();

/** With what the runner's error says of when it is worth trying again, and what to do (spec/runner.md §7). */
function reasonOf({ code, message, details }: RunnerError): FailureReason {
  const { until, action = TRIED_AGAIN } = told.safeParse(details).data ?? {};
  return { code, phase: PHASE, message, action, ...(until === undefined ? {} : { until }) };
}
