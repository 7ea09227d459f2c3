import type { EffectAnswer } from "@gastown/town";
import { failedWork } from "./answers.ts";
import { currentRunner, isRunner, type EffectContext, type RequestOf } from "./context.ts";

/** Ends the turn that runs. Where none runs any more, or the session is gone, there is nothing to do, so a repeat is harmless. */
export async function interruptSession(
  context: EffectContext,
  { sessionId, epoch }: RequestOf<"interrupt_session">,
): Promise<EffectAnswer> {
  const runner = currentRunner(context);
  if (!isRunner(runner)) return runner;
  const call = await context.client.call(runner, {
    method: "POST",
    path: `/agents/${sessionId}/interrupt`,
    body: { epoch },
    signal: context.signal,
  });
  const gone = call.type === "error" && call.status === 404;
  return call.type === "ok" || gone ? { type: "done" } : failedWork(call);
}
