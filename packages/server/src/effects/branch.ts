import type { EffectAnswer } from "@gastown/town";
import { accepted } from "./answers.ts";
import { ensuredRunner, isRunner, type EffectContext, type RequestOf } from "./context.ts";

/** A branch made or deleted by compare-and-swap; the result comes by callback under the effect's id. */
export async function branch(context: EffectContext, { body }: RequestOf<"branch">): Promise<EffectAnswer> {
  const runner = await ensuredRunner(context);
  if (!isRunner(runner)) return runner;
  return accepted(
    await context.client.call(runner, { method: "POST", path: "/git/branch", body, signal: context.signal }),
  );
}
