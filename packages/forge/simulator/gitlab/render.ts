/** How GitLab's REST writes what the simulator knows. */
import { mergeBase } from "../git/bare.ts";
import { listHeads } from "../git/refs.ts";
import { mergeability, type Mergeability } from "../model/pulls.ts";
import type { Access, Check, Note, PullRequest, Repository, Thread, User } from "../model/types.ts";

const iso = (ms: number): string => new Date(ms).toISOString();

export const userJson = (user: User): object => ({
  id: user.id,
  username: user.login,
  name: user.login,
  state: "active",
});

export const LEVELS = { read: 20, write: 30, admin: 50 } as const;

export const projectJson = (repository: Repository, origin: string, access: Access): object => ({
  id: repository.id,
  path_with_namespace: repository.path,
  web_url: `${origin}/${repository.path}`,
  http_url_to_repo: `${origin}/${repository.path}.git`,
  default_branch: repository.defaultBranch,
  visibility: repository.isPrivate ? "private" : "public",
  permissions: { project_access: { access_level: LEVELS[access] }, group_access: null },
  merge_method: repository.methods.includes("merge") ? "merge" : "ff",
  squash_option: squashOption(repository),
  merge_trains_enabled: repository.queueRequired,
  merge_trains_skip_train_allowed: false,
});

function squashOption({ methods }: Repository): string {
  if (!methods.includes("squash")) return "never";
  return methods.length === 1 ? "always" : "default_off";
}

const WHY = {
  approvals: "not_approved",
  changes_requested: "requested_changes",
  checks: "ci_must_pass",
  behind: "need_rebase",
} as const;

function mergeStatus(pull: PullRequest, state: Mergeability | null): string {
  if (pull.saysMergeable !== null) return pull.saysMergeable;
  if (state === null) return "not_open";
  if (pull.draft) return "draft_status";
  if (state.conflicts) return "conflict";
  return state.blocked === null ? "mergeable" : WHY[state.blocked];
}

/** The word that GitLab has for a job. */
export const jobStatus = (check: Check): string =>
  check.status === "completed" ? (check.conclusion ?? "success") : check.status;

const RANKED = ["failed", "running", "pending", "created", "manual", "canceled", "success", "skipped"];

/** The jobs of a head are its pipeline, which is called by the number of the first. */
export function pipelineOf(
  repository: Repository,
  sha: string,
): { id: number; jobs: Check[]; status: string } | null {
  const jobs = (repository.checks.get(sha) ?? []).filter((check) => check.kind === "run");
  const [first] = jobs;
  if (first === undefined) return null;
  const states = jobs.map((job) => (job.allowFailure ? "success" : jobStatus(job)));
  const status = RANKED.find((one) => states.includes(one)) ?? states[0] ?? "success";
  return { id: first.id, jobs, status };
}

const pipelineJson = (repository: Repository, pull: PullRequest): object | null => {
  const pipeline = pipelineOf(repository, pull.headSha);
  if (pipeline === null) return null;
  const { id, status } = pipeline;
  return { id, status, sha: pull.headSha, ref: pull.from.branch, source: "push" };
};

export async function mergeRequestJson(
  repository: Repository,
  pull: PullRequest,
  origin: string,
): Promise<object> {
  const state = pull.state === "open" ? await mergeability(repository, pull) : null;
  const base = (await listHeads(repository.dir)).get(pull.base) ?? pull.headSha;
  const start = (await mergeBase(repository.dir, base, pull.headSha)) ?? base;
  const squashed = pull.state === "merged" && !repository.methods.includes("merge");
  return {
    id: pull.id,
    iid: pull.number,
    project_id: repository.id,
    source_project_id: pull.from.repository.id,
    target_project_id: repository.id,
    title: pull.title,
    description: pull.body,
    state: pull.state === "open" ? "opened" : pull.state,
    draft: pull.draft,
    source_branch: pull.from.branch,
    target_branch: pull.base,
    sha: pull.headSha,
    author: userJson(pull.author),
    web_url: `${origin}/${repository.path}/-/merge_requests/${pull.number}`,
    created_at: iso(pull.createdAt),
    updated_at: iso(pull.updatedAt),
    merge_commit_sha: squashed ? null : pull.mergeCommit,
    squash_commit_sha: squashed ? pull.mergeCommit : null,
    merge_user: pull.mergedBy === null ? null : userJson(pull.mergedBy),
    detailed_merge_status: mergeStatus(pull, state),
    has_conflicts: state?.conflicts ?? false,
    diff_refs: { base_sha: start, start_sha: start, head_sha: pull.headSha },
    head_pipeline: pipelineJson(repository, pull),
  };
}

export const noteJson = (note: Note, thread: Thread | null, base: string): object => ({
  id: note.id,
  type: thread === null ? null : thread.path === null ? "DiscussionNote" : "DiffNote",
  body: note.body,
  author: userJson(note.author),
  created_at: iso(note.at),
  system: false,
  resolvable: thread !== null,
  ...(thread === null ? {} : { resolved: thread.resolved }),
  ...(thread === null || thread.path === null
    ? {}
    : {
        position: {
          position_type: thread.line === null ? "file" : "text",
          base_sha: base,
          start_sha: base,
          head_sha: thread.sha,
          old_path: thread.path,
          new_path: thread.path,
          old_line: null,
          new_line: thread.line,
        },
      }),
});

export const discussionJson = (thread: Thread, base: string): object => ({
  id: thread.id,
  individual_note: false,
  notes: thread.notes.map((note) => noteJson(note, thread, base)),
});
