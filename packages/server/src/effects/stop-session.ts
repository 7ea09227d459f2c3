import type { EffectAnswer } from "@gastown/town";
import { failedWork } from "./answers.ts";
import { currentRunner, isRunner, type EffectContext, type RequestOf } from "./context.ts";

/** A session that the runner does not know, or knows in a newer life, is stopped already. */
export async function stopSession(
  context: EffectContext,
  { sessionId, epoch, mode }: RequestOf<"stop_session">,
): Promise<EffectAnswer> {
  const runner = currentRunner(context);
  if (!isRunner(runner)) return runner;
  const call = await context.client.call(runner, {
    method: "POST",
    path: `/agents/${sessionId}/stop`,
    body: { epoch, mode },
    signal: context.signal,
  });
  const gone = call.type === "error" && (call.status === 404 || call.code === "session_fenced");
  return call.type === "ok" || gone ? { type: "done" } : failedWork(call);
}
