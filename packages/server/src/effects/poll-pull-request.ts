import type { Forge } from "@gastown/forge";
import type { CheckRun, PullRequest, PullRequestReading } from "@gastown/protocol";
import type { EffectAnswer } from "@gastown/town";
import type { EffectContext, RequestOf } from "./context.ts";
import { forgeOf, NO_FORGE } from "./forge.ts";

/** How many failing checks' logs are fetched for one work order. */
const MAX_LOGS = 5;
const LOG_TAIL = 8_000;
const FINE: readonly CheckRun["state"][] = ["success", "skipped", "neutral", "pending", "unknown"];

/** One reading. Every error is an answer of it: the town counts them. */
export async function pollPullRequest(
  context: EffectContext,
  request: RequestOf<"poll_pull_request">,
): Promise<EffectAnswer> {
  const { asked } = request;
  const forge = await forgeOf(context, request);
  if (forge === null) {
    return { type: "forge", answer: { of: "poll", asked, reading: NO_FORGE, contained: null, logs: [] } };
  }
  const reading = await inTime(forge, request, context.signal);
  if ("kind" in reading || reading.outcome.kind !== "ok")
    return { type: "forge", answer: { of: "poll", asked, reading, contained: null, logs: [] } };
  const { pr } = reading.outcome;
  const contained = pr.state === "merged" ? await isContained(forge, pr, context.signal) : null;
  const logs = request.wantLogs ? await failingLogs(forge, reading, pr, context.signal) : [];
  return { type: "forge", answer: { of: "poll", asked, reading, contained, logs } };
}

/** No answer by the effect's deadline is an error like any other, and counts like one. */
async function inTime(
  forge: Forge,
  request: RequestOf<"poll_pull_request">,
  signal: AbortSignal,
): ReturnType<Forge["read"]> {
  try {
    return await forge.read(request.url, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
    const provider = request.forge;
    const late = { kind: "http_error", provider, status: null, status_text: "no answer in time" } as const;
    return { outcome: { ...late, transient: true }, signals: null };
  }
}

/** Whether its base has the commit that the forge names as the merge; null: not known. */
export async function isContained(
  forge: Forge,
  pr: PullRequest,
  signal: AbortSignal,
): Promise<boolean | null> {
  if (pr.merge_commit === null) return null;
  const answer = await forge.contains({ branch: pr.base, commit: pr.merge_commit }, signal);
  return answer.kind === "ok" ? answer.value : null;
}

async function failingLogs(
  forge: Forge,
  reading: PullRequestReading,
  pr: PullRequest,
  signal: AbortSignal,
): Promise<{ name: string; text: string }[]> {
  const checks = reading.signals?.checks;
  if (checks?.state !== "known") return [];
  const red = checks.items.filter(({ state }) => !FINE.includes(state)).slice(0, MAX_LOGS);
  const logs = await Promise.all(
    red.map(async ({ name }) => {
      const answer = await forge.checkLog({ url: pr.url, name, headSha: pr.head_sha }, signal);
      return { name, text: answer.kind === "ok" ? (answer.value ?? "").slice(-LOG_TAIL) : "" };
    }),
  );
  return logs.filter(({ text }) => text !== "");
}
