import type { EffectAnswer } from "@gastown/town";
import type { EffectContext, RequestOf } from "./context.ts";
import { forgeOf, NO_FORGE, retried } from "./forge.ts";

/** Opens it, or takes the one that is there: the forge looks first, so a repeat is harmless. */
export async function openPullRequest(
  context: EffectContext,
  request: RequestOf<"open_pull_request">,
): Promise<EffectAnswer> {
  const forge = await forgeOf(context, request);
  if (forge === null) return { type: "forge", answer: { of: "open", result: NO_FORGE } };
  const { branch, target, headSha, title, body } = request;
  const answer = await forge.openPullRequest({ branch, target, headSha, title, body }, context.signal);
  if (answer.kind === "ok")
    return { type: "forge", answer: { of: "open", result: { kind: "ok", pr: answer.value } } };
  const again = answer.kind === "unsupported" ? null : retried(answer, context);
  return again ?? { type: "forge", answer: { of: "open", result: answer } };
}
