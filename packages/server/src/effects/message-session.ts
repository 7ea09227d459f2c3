import type { EffectAnswer } from "@gastown/town";
import { mayorTurn } from "../prompts/mayor-turn.ts";
import { failedWork } from "./answers.ts";
import { currentRunner, isRunner, type EffectContext, type RequestOf } from "./context.ts";

/** The runner knows the message's id: a repeat is no second turn. */
export async function messageSession(
  context: EffectContext,
  { sessionId, epoch, messageId, ...turn }: RequestOf<"message_session">,
): Promise<EffectAnswer> {
  const runner = currentRunner(context);
  if (!isRunner(runner)) return runner;
  const call = await context.client.call(runner, {
    method: "POST",
    path: `/agents/${sessionId}/message`,
    body: { message_id: messageId, epoch, text: mayorTurn(turn), mode: turn.mode },
    signal: context.signal,
  });
  return call.type === "ok" ? { type: "done" } : failedWork(call);
}
