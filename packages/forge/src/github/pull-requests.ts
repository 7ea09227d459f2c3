/** A pull request as REST tells it, and how one is found or opened. */
import { limits, mergeableState, type MergeableState, type PullRequest } from "@gastown/protocol";
import { z } from "zod";
import type { Forge } from "../forge.ts";
import { failureOf } from "../failure.ts";
import { parsed } from "../transport/parse.ts";
import { sameProject } from "../urls/repository-url.ts";
import { allPages, type GitHubCall } from "./call.ts";

const side = z.object({
  ref: z.string(),
  sha: limits.sha,
  /** Null where the fork was deleted. */
  repo: z.object({ full_name: z.string() }).nullable(),
});
const user = z.object({ login: z.string() }).nullable();
const listed = z.object({
  number: z.int().min(1),
  state: z.enum(["open", "closed"]),
  merged_at: z.string().nullable(),
  head: side,
  base: side,
});
const full = listed.extend({
  draft: z.boolean(),
  merged: z.boolean(),
  mergeable: z.boolean().nullable(),
  mergeable_state: z.string(),
  merge_commit_sha: limits.sha.nullable(),
  merged_by: user.optional(),
  title: z.string(),
  user,
});

/** What is not known here is `unknown`; `draft` is told by its own field and blocks. */
function mergeableOf(state: string, mergeable: boolean | null): MergeableState {
  if (state === "draft") return mergeable === false ? "dirty" : "blocked";
  const known = mergeableState.safeParse(state);
  if (!known.success || mergeable === null) return "unknown";
  return mergeable || known.data !== "clean" ? known.data : "unknown";
}

/** A deleted account's pull requests belong to nobody. */
const NOBODY = "ghost";

function pullRequestOf(pr: z.infer<typeof full>, url: string): PullRequest {
  return {
    url,
    number: pr.number,
    state: pr.merged ? "merged" : pr.state,
    draft: pr.draft,
    mergeable: pr.state === "open" ? mergeableOf(pr.mergeable_state, pr.mergeable) : "unknown",
    head_sha: pr.head.sha,
    head: pr.head.ref,
    from_fork: pr.head.repo === null || !sameProject(pr.head.repo.full_name, pr.base.repo?.full_name ?? ""),
    base: pr.base.ref,
    title: pr.title,
    author: pr.user?.login ?? NOBODY,
    merge_commit: pr.merged ? pr.merge_commit_sha : null,
    merged_by: pr.merged_by?.login ?? null,
  };
}

/** `url`: as the caller knows it, so that what was recorded stays what it is called. */
export async function readPullRequest(call: GitHubCall, number: number, url: string): Promise<PullRequest> {
  const { data } = await call.octokit.request("GET /repos/{owner}/{repo}/pulls/{pull_number}", {
    ...call.at,
    pull_number: number,
  });
  return pullRequestOf(parsed("github", full, data), url);
}

type Opening = Parameters<Forge["openPullRequest"]>[0];

async function find(call: GitHubCall, opening: Opening, state: "open" | "closed"): Promise<number | null> {
  const pages = await allPages(z.array(listed), (page) =>
    call.octokit.request("GET /repos/{owner}/{repo}/pulls", {
      ...call.at,
      head: `${call.at.owner}:${opening.branch}`,
      base: opening.target,
      state,
      sort: "updated",
      direction: "desc",
      per_page: 100,
      page,
    }),
  );
  const found = pages
    .flat()
    .find(
      ({ head, base }) =>
        head.ref === opening.branch &&
        base.ref === opening.target &&
        sameProject(head.repo?.full_name ?? "", base.repo?.full_name ?? "") &&
        (state === "open" || head.sha === opening.headSha),
    );
  return found?.number ?? null;
}

/** Looks, opens, and looks again where somebody was faster. */
export async function openPullRequest(
  call: GitHubCall,
  site: string,
  opening: Opening,
): Promise<PullRequest> {
  const urlOf = (number: number): string => `${site}/${call.at.owner}/${call.at.repo}/pull/${number}`;
  const known = (await find(call, opening, "open")) ?? (await find(call, opening, "closed"));
  if (known !== null) return readPullRequest(call, known, urlOf(known));
  try {
    const { data } = await call.octokit.request("POST /repos/{owner}/{repo}/pulls", {
      ...call.at,
      head: opening.branch,
      base: opening.target,
      title: opening.title,
      body: opening.body,
      draft: opening.draft ?? false,
    });
    const pr = parsed("github", full, data);
    return pullRequestOf(pr, urlOf(pr.number));
  } catch (thrown) {
    const raced = failureOf(thrown)?.status === 422 ? await find(call, opening, "open") : null;
    if (raced === null) throw thrown;
    return readPullRequest(call, raced, urlOf(raced));
  }
}
