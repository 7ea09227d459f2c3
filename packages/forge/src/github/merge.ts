/** A merge that is pinned to a head, and everything that GitHub may answer to it (spec/review.md §4.4). */
import { limits, type PullRequestMerge } from "@gastown/protocol";
import { z } from "zod";
import { failureOf } from "../failure.ts";
import type { Forge } from "../forge.ts";
import { parsed } from "../transport/parse.ts";
import type { GitHubCall } from "./call.ts";
import { readPullRequest } from "./pull-requests.ts";
import { readMergeMethods } from "./repository.ts";

const merged = z.object({ merged: z.boolean(), sha: limits.sha.nullable(), message: z.string() });
const refusal = z.object({ message: z.string() });

export async function mergePullRequest(
  call: GitHubCall,
  number: number,
  input: Parameters<Forge["merge"]>[0],
): Promise<PullRequestMerge> {
  const before = await readPullRequest(call, number, input.url);
  if (before.state === "merged") return { kind: "already", pr: before };
  if (before.state === "closed") return { kind: "closed" };
  if (before.head_sha !== input.headSha) return { kind: "head_moved", head: before.head_sha };
  try {
    const { data } = await call.octokit.request("PUT /repos/{owner}/{repo}/pulls/{pull_number}/merge", {
      ...call.at,
      pull_number: number,
      sha: input.headSha,
      merge_method: input.method,
      commit_title: input.title,
      commit_message: input.message,
    });
    const result = parsed("github", merged, data);
    return result.merged
      ? { kind: "merged", commit: result.sha }
      : { kind: "not_mergeable", message: result.message };
  } catch (thrown) {
    return refused(call, number, input, thrown);
  }
}

/** 405: not now, or not so. 409: the head, or the target, was moved by somebody else just now. */
async function refused(
  call: GitHubCall,
  number: number,
  input: Parameters<Forge["merge"]>[0],
  thrown: unknown,
): Promise<PullRequestMerge> {
  const failure = failureOf(thrown);
  if (failure === null || (failure.status !== 405 && failure.status !== 409)) throw thrown;
  const said = refusal.safeParse(failure.body);
  const message = said.success ? said.data.message.slice(0, 500) : "GitHub refused without a reason";
  const now = await readPullRequest(call, number, input.url);
  if (now.state === "merged") return { kind: "already", pr: now };
  if (now.state === "closed") return { kind: "closed" };
  if (now.head_sha !== input.headSha) return { kind: "head_moved", head: now.head_sha };
  if (/merge queue/i.test(message)) return { kind: "queue_required" };
  if (/(merges|commits) are not allowed on this repository/i.test(message))
    return { kind: "method_not_allowed", allowed: await readMergeMethods(call) };
  return { kind: "not_mergeable", message };
}
