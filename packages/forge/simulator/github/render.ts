/** How GitHub's REST writes what the simulator knows. */
import type { Check, Note, PullRequest, Repository, Review, Thread, User } from "../model/types.ts";
import { mergeability, type Mergeability } from "../model/pulls.ts";
import type { Access } from "../model/types.ts";

export const iso = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");

export const userJson = (user: User): object => ({
  id: user.id,
  login: user.login,
  type: user.kind === "bot" ? "Bot" : "User",
});

export const repositoryJson = (repository: Repository, origin: string, access: Access): object => ({
  id: repository.id,
  name: repository.path.split("/")[1],
  full_name: repository.path,
  private: repository.isPrivate,
  owner: { login: repository.path.split("/")[0], type: "User" },
  html_url: `${origin}/${repository.path}`,
  clone_url: `${origin}/${repository.path}.git`,
  default_branch: repository.defaultBranch,
  permissions: { admin: access === "admin", push: access !== "read", pull: true },
  ...(access === "read"
    ? {}
    : {
        allow_merge_commit: repository.methods.includes("merge"),
        allow_squash_merge: repository.methods.includes("squash"),
        allow_rebase_merge: repository.methods.includes("rebase"),
      }),
});

function mergeableState(pull: PullRequest, state: Mergeability): string {
  if (pull.saysMergeable !== null) return pull.saysMergeable;
  if (pull.draft) return "draft";
  if (state.conflicts) return "dirty";
  if (state.blocked === "behind") return "behind";
  if (state.blocked !== null) return "blocked";
  return state.unstable ? "unstable" : "clean";
}

const sideJson = (repository: Repository, ref: string, sha: string): object => ({
  label: `${repository.path.split("/")[0]}:${ref}`,
  ref,
  sha,
  repo: { id: repository.id, full_name: repository.path },
});

export function listedJson(
  repository: Repository,
  pull: PullRequest,
  baseSha: string,
  origin: string,
): object {
  return {
    id: pull.id,
    node_id: `PR_${pull.id}`,
    number: pull.number,
    html_url: `${origin}/${repository.path}/pull/${pull.number}`,
    state: pull.state === "open" ? "open" : "closed",
    merged_at: pull.mergedAt === null ? null : iso(pull.mergedAt),
    draft: pull.draft,
    title: pull.title,
    body: pull.body,
    user: userJson(pull.author),
    created_at: iso(pull.createdAt),
    updated_at: iso(pull.updatedAt),
    head: sideJson(pull.from.repository, pull.from.branch, pull.headSha),
    base: sideJson(repository, pull.base, baseSha),
    merge_commit_sha: pull.mergeCommit,
  };
}

export async function pullJson(
  repository: Repository,
  pull: PullRequest,
  baseSha: string,
  origin: string,
): Promise<object> {
  const state = pull.state === "open" ? await mergeability(repository, pull) : null;
  return {
    ...listedJson(repository, pull, baseSha, origin),
    merged: pull.state === "merged",
    merged_by: pull.mergedBy === null ? null : userJson(pull.mergedBy),
    mergeable: state === null ? null : !state.conflicts,
    mergeable_state: state === null ? "unknown" : mergeableState(pull, state),
  };
}

export const reviewJson = (review: Review): object => ({
  id: review.id,
  user: userJson(review.author),
  body: review.body,
  state: review.state,
  commit_id: review.sha,
  submitted_at: iso(review.at),
});

export const commentJson = (thread: Thread, note: Note): object => ({
  id: note.id,
  pull_request_review_id: thread.reviewId,
  path: thread.path,
  line: thread.outdated ? null : thread.line,
  original_line: thread.line,
  subject_type: thread.line === null ? "file" : "line",
  commit_id: thread.sha,
  user: userJson(note.author),
  body: note.body,
  created_at: iso(note.at),
});

export const runJson = (check: Check, sha: string, origin: string): object => ({
  id: check.id,
  name: check.name,
  head_sha: sha,
  status: check.status,
  conclusion: check.conclusion,
  html_url: `${origin}/checks/${check.id}`,
  app: { slug: check.log === null ? "simulated-checks" : "github-actions" },
  output: { title: null, summary: check.summary },
});

/** A commit status has one word for what a check run says in two. */
export const statusJson = (check: Check, origin: string): object => ({
  id: check.id,
  context: check.name,
  state: check.status === "completed" ? check.conclusion : "pending",
  description: check.summary,
  target_url: `${origin}/checks/${check.id}`,
});
