import type { EffectAnswer } from "@gastown/town";
import { accepted, failedWork } from "./answers.ts";
import { currentRunner, ensuredRunner, isRunner, type EffectContext, type RequestOf } from "./context.ts";

/** A landing; the runner asks *landed* first, so a repeat is harmless (spec/review.md §3). */
export async function merge(context: EffectContext, { body }: RequestOf<"merge">): Promise<EffectAnswer> {
  const runner = await ensuredRunner(context);
  if (!isRunner(runner)) return runner;
  return accepted(
    await context.client.call(runner, { method: "POST", path: "/git/merge", body, signal: context.signal }),
  );
}

/** Takes a landing back until its push begins; that it came too late is the landing's own answer. */
export async function withdrawMerge(
  context: EffectContext,
  { effectId }: RequestOf<"withdraw_merge">,
): Promise<EffectAnswer> {
  const runner = currentRunner(context);
  if (!isRunner(runner)) return runner;
  const call = await context.client.call(runner, {
    method: "DELETE",
    path: `/effects/${effectId}`,
    signal: context.signal,
  });
  const over = call.type === "error" && (call.status === 404 || call.status === 409);
  return call.type === "ok" || over ? { type: "done" } : failedWork(call);
}
