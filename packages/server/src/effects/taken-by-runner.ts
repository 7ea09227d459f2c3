import type { EffectAnswer } from "@gastown/town";
import { z } from "zod";
import { openEnv, unreadableReason } from "../config/env-secrets.ts";
import { accepted } from "./answers.ts";
import { ensuredRunner, isRunner, type EffectContext } from "./context.ts";

const withEnv = z.looseObject({ env: z.record(z.string(), z.string()) });

/** Work that the runner takes with 202 at this path; its result comes by callback under the effect's id. */
export const takenByRunner =
  (path: string) =>
  async (context: EffectContext, { body }: { body: object }): Promise<EffectAnswer> => {
    const runner = await ensuredRunner(context);
    if (!isRunner(runner)) return runner;
    const { client, signal, townId, sealingKeys = [] } = context;
    const { data } = withEnv.safeParse(body);
    const opened = await openEnv(sealingKeys, townId, data?.env ?? {});
    const reason = unreadableReason(opened);
    if (reason !== null) return { type: "refused", reason };
    const secret = opened.secret.length === 0 ? {} : { secret_env: opened.secret };
    const sent = data === undefined ? body : { ...data, env: opened.env, ...secret };
    return accepted(await client.call(runner, { method: "POST", path, body: sent, signal }));
  };
