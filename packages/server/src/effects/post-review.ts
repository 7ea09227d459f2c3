import type { EffectAnswer } from "@gastown/town";
import type { EffectContext, RequestOf } from "./context.ts";
import { forgeOf, NO_FORGE, retried } from "./forge.ts";

/** Posts a review with its inline comments once: the effect's id marks it (spec/town.md §4). */
export async function postReview(
  context: EffectContext,
  request: RequestOf<"post_review">,
): Promise<EffectAnswer> {
  const posted = (problem: string | null): EffectAnswer => ({
    type: "forge",
    answer: { of: "review", problem },
  });
  const forge = await forgeOf(context, request);
  if (forge === null) return posted(NO_FORGE.what);
  const { url, headSha, body, comments } = request;
  const marker = context.effect.id;
  const answer = await forge.postReview({ url, headSha, marker, body, comments }, context.signal);
  if (answer.kind === "ok") return posted(null);
  if (answer.kind === "unsupported") return posted(answer.what);
  return retried(answer, context) ?? posted(answer.kind);
}
