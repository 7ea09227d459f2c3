import type { EffectAnswer } from "@gastown/town";
import { accepted } from "./answers.ts";
import { ensuredRunner, isRunner, type EffectContext, type RequestOf } from "./context.ts";

/** One question to a model; the answer comes by callback under the effect's id. */
export async function askModel(
  context: EffectContext,
  { body }: RequestOf<"ask_model">,
): Promise<EffectAnswer> {
  const runner = await ensuredRunner(context);
  if (!isRunner(runner)) return runner;
  return accepted(
    await context.client.call(runner, { method: "POST", path: "/agents/ask", body, signal: context.signal }),
  );
}
