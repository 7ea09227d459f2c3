/** A merge that is pinned to a head, and everything that GitLab may answer to it (spec/review.md §4.4). */
import type { PullRequestMerge } from "@gastown/protocol";
import { z } from "zod";
import { failureOf, refusedWith } from "../failure.ts";
import type { Forge } from "../forge.ts";
import type { GitLabCall } from "./call.ts";
import { type MergeRequest, parseMergeRequest, pullRequestOf, readMergeRequest } from "./merge-requests.ts";
import { readMergeRules } from "./project.ts";

type Merging = Parameters<Forge["merge"]>[0];

/** What is decided by the state alone; null: it may be merged. */
function ended(mr: MergeRequest, input: Merging): PullRequestMerge | null {
  if (mr.state === "merged") return { kind: "already", pr: pullRequestOf(mr, input.url) };
  if (mr.state === "closed") return { kind: "closed" };
  return mr.sha === input.headSha ? null : { kind: "head_moved", head: mr.sha };
}

export async function mergeMergeRequest(
  call: GitLabCall,
  iid: number,
  input: Merging,
): Promise<PullRequestMerge> {
  const before = ended(await readMergeRequest(call, iid), input);
  if (before !== null) return before;
  // GitLab merges in the project's way whatever is asked for, so it is asked first what that is.
  const rules = await readMergeRules(call);
  if (rules.trainRequired) return { kind: "queue_required" };
  if (rules.methods.length > 0 && !rules.methods.includes(input.method))
    return { kind: "method_not_allowed", allowed: [...rules.methods] };
  const message = `${input.title}\n\n${input.message}`;
  try {
    const data: unknown = await call.mergeRequests.merge(call.project, iid, {
      sha: input.headSha,
      squash: input.method === "squash",
      shouldRemoveSourceBranch: false,
      mergeCommitMessage: message,
      squashCommitMessage: message,
    });
    const after = parseMergeRequest(data);
    return { kind: "merged", commit: pullRequestOf(after, input.url).merge_commit };
  } catch (thrown) {
    return refused(call, iid, input, thrown);
  }
}

/** 405, 406 and 422: not now, or not so. 409: the head was moved by somebody else just now. */
async function refused(
  call: GitLabCall,
  iid: number,
  input: Merging,
  thrown: unknown,
): Promise<PullRequestMerge> {
  if (!refusedWith([405, 406, 409, 422], thrown)) throw thrown;
  const now = await readMergeRequest(call, iid);
  const state = ended(now, input);
  if (state !== null) return state;
  const said = z.object({ message: z.string() }).safeParse(failureOf(thrown)?.body);
  const message = said.success ? said.data.message.slice(0, 300) : "GitLab refused without a reason";
  return { kind: "not_mergeable", message: `${message} (${now.detailed_merge_status.slice(0, 60)})` };
}
