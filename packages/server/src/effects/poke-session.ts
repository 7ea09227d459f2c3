import type { EffectAnswer } from "@gastown/town";
import { failedWork } from "./answers.ts";
import { currentRunner, isRunner, type EffectContext, type RequestOf } from "./context.ts";

/** Wakes a session for its nudges. One that is gone needs no waking: its nudges return by themselves. */
export async function pokeSession(
  context: EffectContext,
  { sessionId, epoch }: RequestOf<"poke_session">,
): Promise<EffectAnswer> {
  const runner = currentRunner(context);
  if (!isRunner(runner)) return runner;
  const call = await context.client.call(runner, {
    method: "POST",
    path: `/agents/${sessionId}/poke`,
    body: { epoch },
    signal: context.signal,
  });
  const gone = call.type === "error" && call.status < 500;
  return call.type === "ok" || gone ? { type: "done" } : failedWork(call);
}
