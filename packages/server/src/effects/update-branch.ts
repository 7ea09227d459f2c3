import type { EffectAnswer } from "@gastown/town";
import { accepted } from "./answers.ts";
import { ensuredRunner, isRunner, type EffectContext, type RequestOf } from "./context.ts";

/** The target merged into a branch; the result comes by callback under the effect's id. */
export async function updateBranch(
  context: EffectContext,
  { body }: RequestOf<"update_branch">,
): Promise<EffectAnswer> {
  const runner = await ensuredRunner(context);
  if (!isRunner(runner)) return runner;
  return accepted(
    await context.client.call(runner, { method: "POST", path: "/git/update", body, signal: context.signal }),
  );
}
