import type { EffectAnswer } from "@gastown/town";
import { sendNotice } from "../notify/send.ts";
import type { EffectContext, RequestOf } from "./context.ts";

/** At least once: nobody can be asked whether it arrived (spec/town.md §4). */
export function notify(
  { sealingKeys = [], notifiers, townId, signal }: EffectContext,
  request: RequestOf<"notify">,
): Promise<EffectAnswer> {
  return sendNotice({ sealingKeys, ...notifiers }, townId, request, signal);
}
