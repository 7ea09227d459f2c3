import type { EffectAnswer } from "@gastown/town";
import { failedWork } from "./answers.ts";
import { currentRunner, isRunner, type EffectContext, type RequestOf } from "./context.ts";

/** Takes a landing back until its push begins; that it came too late is the landing's own answer. */
export async function withdrawMerge(
  context: EffectContext,
  { effectId }: RequestOf<"withdraw_merge">,
): Promise<EffectAnswer> {
  const runner = currentRunner(context);
  if (!isRunner(runner)) return runner;
  const call = await context.client.call(runner, {
    method: "DELETE",
    path: `/effects/${effectId}`,
    signal: context.signal,
  });
  const over = call.type === "error" && (call.status === 404 || call.status === 409);
  return call.type === "ok" || over ? { type: "done" } : failedWork(call);
}
