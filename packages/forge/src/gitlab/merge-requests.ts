/** A merge request, and how one is found or opened. */
import { limits, type MergeableState, type PullRequest } from "@gastown/protocol";
import { z } from "zod";
import { failureOf } from "../failure.ts";
import type { Forge } from "../forge.ts";
import { parsed } from "../transport/parse.ts";
import { ALL, type GitLabCall } from "./call.ts";

const user = z.object({ username: z.string() });
const listed = z.object({
  iid: z.int().min(1),
  state: z.enum(["opened", "closed", "merged", "locked"]),
  sha: limits.sha.nullable(),
  source_branch: z.string(),
  target_branch: z.string(),
  /** Null where the fork was deleted. */
  source_project_id: z.int().nullable(),
  target_project_id: z.int(),
});
const full = listed.extend({
  sha: limits.sha,
  title: z.string(),
  draft: z.boolean(),
  author: user,
  detailed_merge_status: z.string(),
  merge_commit_sha: limits.sha.nullish(),
  squash_commit_sha: limits.sha.nullish(),
  merge_user: user.nullish(),
  diff_refs: z.object({ base_sha: limits.sha, head_sha: limits.sha, start_sha: limits.sha }).nullish(),
  head_pipeline: z.object({ id: z.int(), sha: limits.sha, status: z.string() }).nullish(),
});
export type MergeRequest = z.infer<typeof full>;

/** What stands in the way of a merge; what GitLab still computes, or we do not know, is `unknown`. */
const MERGEABLE = new Map<string, MergeableState>([
  ["mergeable", "clean"],
  ["conflict", "dirty"],
  ["need_rebase", "behind"],
  ...[
    "broken_status",
    "blocked_status",
    "ci_must_pass",
    "ci_still_running",
    "commits_status",
    "discussions_not_resolved",
    "draft_status",
    "external_status_checks",
    "jira_association_missing",
    "locked_lfs_files",
    "locked_paths",
    "merge_request_blocked",
    "merge_time",
    "not_approved",
    "policies_denied",
    "requested_changes",
    "security_policy_violations",
    "status_checks_must_pass",
    "title_regex",
  ].map((status): [string, MergeableState] => [status, "blocked"]),
]);

const STATES = { opened: "open", locked: "open", closed: "closed", merged: "merged" } as const;

/** A fast-forward has neither a merge nor a squash commit: the head itself is in the target. */
const mergeCommitOf = (mr: MergeRequest): string => mr.merge_commit_sha ?? mr.squash_commit_sha ?? mr.sha;

export function pullRequestOf(mr: MergeRequest, url: string): PullRequest {
  const merged = mr.state === "merged";
  return {
    url,
    number: mr.iid,
    state: STATES[mr.state],
    draft: mr.draft,
    mergeable: mr.state === "opened" ? (MERGEABLE.get(mr.detailed_merge_status) ?? "unknown") : "unknown",
    head_sha: mr.sha,
    head: mr.source_branch,
    from_fork: mr.source_project_id !== mr.target_project_id,
    base: mr.target_branch,
    title: mr.title,
    author: mr.author.username,
    merge_commit: merged ? mergeCommitOf(mr) : null,
    merged_by: merged ? (mr.merge_user?.username ?? null) : null,
  };
}

export const parseMergeRequest = (data: unknown): MergeRequest => parsed("gitlab", full, data);

export const readMergeRequest = async (call: GitLabCall, iid: number): Promise<MergeRequest> =>
  parseMergeRequest(await call.mergeRequests.show(call.project, iid));

type Opening = Parameters<Forge["openPullRequest"]>[0];

async function find(call: GitLabCall, opening: Opening, state: "open" | "ended"): Promise<number | null> {
  const wanted = { projectId: call.project, sourceBranch: opening.branch, targetBranch: opening.target };
  const data: unknown = await call.mergeRequests.all({
    ...wanted,
    ...ALL,
    ...(state === "open" ? { state: "opened" } : {}),
  });
  const found = parsed("gitlab", z.array(listed), data).find(
    (mr) =>
      mr.source_branch === opening.branch &&
      mr.target_branch === opening.target &&
      mr.source_project_id === mr.target_project_id &&
      (state === "open" ? mr.state === "opened" : mr.sha === opening.headSha),
  );
  return found?.iid ?? null;
}

/** Looks, opens, and looks again where somebody was faster. */
export async function openMergeRequest(
  call: GitLabCall,
  site: string,
  opening: Opening,
): Promise<PullRequest> {
  const read = async (iid: number): Promise<PullRequest> =>
    pullRequestOf(await readMergeRequest(call, iid), `${site}/${call.project}/-/merge_requests/${iid}`);
  const known = (await find(call, opening, "open")) ?? (await find(call, opening, "ended"));
  if (known !== null) return read(known);
  try {
    const { branch, target, title, body } = opening;
    const data: unknown = await call.mergeRequests.create(
      call.project,
      branch,
      target,
      opening.draft === true ? `Draft: ${title}` : title,
      { description: body },
    );
    return read(parsed("gitlab", listed, data).iid);
  } catch (thrown) {
    const raced = failureOf(thrown)?.status === 409 ? await find(call, opening, "open") : null;
    if (raced === null) throw thrown;
    return read(raced);
  }
}
