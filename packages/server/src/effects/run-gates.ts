import type { EffectAnswer } from "@gastown/town";
import { accepted } from "./answers.ts";
import { ensuredRunner, isRunner, type EffectContext, type RequestOf } from "./context.ts";

/** The gates of one head; the result comes by callback under the effect's id. */
export async function runGates(
  context: EffectContext,
  { body }: RequestOf<"run_gates">,
): Promise<EffectAnswer> {
  const runner = await ensuredRunner(context);
  if (!isRunner(runner)) return runner;
  return accepted(
    await context.client.call(runner, { method: "POST", path: "/gates/run", body, signal: context.signal }),
  );
}
