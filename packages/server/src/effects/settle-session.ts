import { settleAnswer } from "@gastown/protocol";
import type { EffectAnswer } from "@gastown/town";
import { accepted } from "./answers.ts";
import { ensuredRunner, isRunner, type EffectContext, type RequestOf } from "./context.ts";

/** Commit, push, read back; the same settle id attaches. The result is `session_settled`. */
export async function settleSession(
  context: EffectContext,
  { sessionId, body }: RequestOf<"settle_session">,
): Promise<EffectAnswer> {
  const runner = await ensuredRunner(context);
  if (!isRunner(runner)) return runner;
  const path = `/agents/${sessionId}/settle`;
  const call = await context.client.call(runner, { method: "POST", path, body, signal: context.signal });
  const head = call.type === "ok" ? settleAnswer.safeParse(call.body).data?.head_sha : null;
  return head ? { type: "accepted", headSha: head } : accepted(call);
}
