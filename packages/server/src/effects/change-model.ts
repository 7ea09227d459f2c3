import { modelAnswer } from "@gastown/protocol";
import type { EffectAnswer } from "@gastown/town";
import { failedWork } from "./answers.ts";
import { currentRunner, isRunner, type EffectContext, type RequestOf } from "./context.ts";

/** Setting a model again changes nothing. The result says how it was applied. */
export async function changeModel(
  context: EffectContext,
  { sessionId, epoch, model, smallModel }: RequestOf<"change_model">,
): Promise<EffectAnswer> {
  const runner = currentRunner(context);
  if (!isRunner(runner)) return runner;
  const call = await context.client.call(runner, {
    method: "PATCH",
    path: `/agents/${sessionId}/model`,
    body: { epoch, model, small_model: smallModel },
    signal: context.signal,
  });
  if (call.type !== "ok") return failedWork(call);
  const answer = modelAnswer.safeParse(call.body);
  return { type: "done", result: answer.success ? answer.data.applied : "live" };
}
