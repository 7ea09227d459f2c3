import type { EffectAnswer } from "@gastown/town";
import { z } from "zod";
import { unreached } from "./answers.ts";
import { currentRunner, isRunner, type EffectContext, type RequestOf } from "./context.ts";

const status = z.object({ epoch: z.int(), state: z.string() });

/** Whether the runner still has a session of which nothing was heard. */
export async function checkSession(
  context: EffectContext,
  { sessionId, epoch }: RequestOf<"check_session">,
): Promise<EffectAnswer> {
  const runner = currentRunner(context);
  if (!isRunner(runner)) return runner;
  const call = await context.client.call(runner, {
    method: "GET",
    path: `/agents/${sessionId}/status`,
    signal: context.signal,
  });
  if (call.type === "error" && call.status === 404) return unknownThere(call.message);
  if (call.type === "error") return { type: "retry", message: call.message, counted: true };
  if (call.type !== "ok") return unreached(call);
  const found = status.safeParse(call.body).data;
  if (found === undefined) return { type: "retry", message: "The answer is not understood.", counted: true };
  return found.epoch === epoch && found.state !== "gone"
    ? { type: "done" }
    : unknownThere(`The runner has it with epoch ${found.epoch}, ${found.state}.`);
}

function unknownThere(message: string): EffectAnswer {
  return { type: "refused", reason: { code: "session_unknown", message } };
}
