import type { Forge } from "@gastown/forge";
import type { ForgeError } from "@gastown/protocol";
import type { EffectAnswer } from "@gastown/town";
import type { EffectContext, RequestOf } from "./context.ts";
import { forgeOf, NO_FORGE, retried } from "./forge.ts";
import { isContained } from "./poll-pull-request.ts";

type Merge = RequestOf<"merge_pull_request">;
type Method = Exclude<Merge["method"], "auto">;

const PREFERRED: readonly Method[] = ["merge", "squash", "rebase"];

/**
 * Merges exactly the reviewed head and reads the remote back. Whether it was merged now or before, by a
 * try whose answer was lost, it counts only when the target has the commit (spec/review.md §4.4).
 */
export async function mergePullRequest(context: EffectContext, request: Merge): Promise<EffectAnswer> {
  const forge = await forgeOf(context, request);
  if (forge === null) return { type: "forge", answer: { of: "merge", result: NO_FORGE } };
  if (request.withdrawn) return withdraw(context, forge, request.url);
  const method = request.method === "auto" ? await detected(context, forge) : request.method;
  if (typeof method !== "string") return method;
  const { url, headSha, title, message } = request;
  const result = await forge.merge({ url, headSha, method, title, message }, context.signal);
  if (result.kind === "merged" || result.kind === "already") return readBack(context, forge, url);
  const again = isError(result) ? retried(result, context) : null;
  return again ?? { type: "forge", answer: { of: "merge", result } };
}

/** The two errors that may be gone when it is asked again. */
function isError(
  result: Awaited<ReturnType<Forge["merge"]>>,
): result is Extract<ForgeError, { kind: "http_error" | "invalid_response" }> {
  return result.kind === "http_error" || result.kind === "invalid_response";
}

async function detected(context: EffectContext, forge: Forge): Promise<Method | EffectAnswer> {
  const repository = await forge.repository(context.signal);
  if (repository.kind === "ok") {
    return PREFERRED.find((method) => repository.value.mergeMethods.includes(method)) ?? "merge";
  }
  const again = repository.kind === "unsupported" ? null : retried(repository, context);
  return again ?? { type: "forge", answer: { of: "merge", result: repository } };
}

/** Nothing more is asked for; what an earlier try did is told. */
async function withdraw(context: EffectContext, forge: Forge, url: string): Promise<EffectAnswer> {
  const reading = await forge.read(url, context.signal);
  if ("kind" in reading) return { type: "forge", answer: { of: "merge", result: reading } };
  const { outcome } = reading;
  if (outcome.kind === "ok" && outcome.pr.state === "merged") return readBack(context, forge, url);
  const again = outcome.kind === "ok" ? null : retried(outcome, context);
  return again ?? { type: "forge", answer: { of: "merge", result: { kind: "withdrawn" } } };
}

async function readBack(context: EffectContext, forge: Forge, url: string): Promise<EffectAnswer> {
  const notYet: EffectAnswer = {
    type: "retry",
    message: "The forge merged it, but its target does not show that yet.",
    counted: true,
  };
  const reading = await forge.read(url, context.signal);
  if ("kind" in reading) return { type: "forge", answer: { of: "merge", result: reading } };
  if (reading.outcome.kind !== "ok")
    return (
      retried(reading.outcome, context) ?? {
        type: "forge",
        answer: { of: "merge", result: reading.outcome },
      }
    );
  const { pr } = reading.outcome;
  if (pr.state !== "merged" || pr.merge_commit === null) return notYet;
  if ((await isContained(forge, pr, context.signal)) !== true) return notYet;
  return { type: "forge", answer: { of: "merge", result: { kind: "landed", pr, commit: pr.merge_commit } } };
}
