import type { EffectAnswer } from "@gastown/town";
import { accepted } from "./answers.ts";
import { ensuredRunner, isRunner, type EffectContext } from "./context.ts";

/** Work that the runner takes with 202 at this path; its result comes by callback under the effect's id. */
export const takenByRunner =
  (path: string) =>
  async (context: EffectContext, { body }: { body: object }): Promise<EffectAnswer> => {
    const runner = await ensuredRunner(context);
    if (!isRunner(runner)) return runner;
    return accepted(
      await context.client.call(runner, { method: "POST", path, body, signal: context.signal }),
    );
  };
