import type { EffectAnswer } from "@gastown/town";
import { accepted } from "./answers.ts";
import { ensuredRunner, isRunner, type EffectContext, type RequestOf } from "./context.ts";

/** Clone or fetch of a rig; the result comes by callback under the effect's id. */
export async function setupRig(
  context: EffectContext,
  { body }: RequestOf<"setup_rig">,
): Promise<EffectAnswer> {
  const runner = await ensuredRunner(context);
  if (!isRunner(runner)) return runner;
  return accepted(
    await context.client.call(runner, { method: "POST", path: "/repos/setup", body, signal: context.signal }),
  );
}
