/** What setup and preview need to know of a repository. */
import { z } from "zod";
import { errorOf } from "../failure.ts";
import type { MergeMethod, RepositoryFacts } from "../forge.ts";
import { parsed } from "../transport/parse.ts";
import type { GitHubCall } from "./call.ts";

/** The methods are told to those who may push only. */
const repository = z.object({
  default_branch: z.string(),
  permissions: z.object({ push: z.boolean() }).optional(),
  allow_merge_commit: z.boolean().optional(),
  allow_squash_merge: z.boolean().optional(),
  allow_rebase_merge: z.boolean().optional(),
});
type Repository = z.infer<typeof repository>;

async function read(call: GitHubCall): Promise<Repository> {
  const { data } = await call.octokit.request("GET /repos/{owner}/{repo}", call.at);
  return parsed("github", repository, data);
}

function methodsOf(of: Repository): MergeMethod[] {
  const allowed: [MergeMethod, boolean | undefined][] = [
    ["merge", of.allow_merge_commit],
    ["squash", of.allow_squash_merge],
    ["rebase", of.allow_rebase_merge],
  ];
  return allowed.filter(([, is]) => is === true).map(([method]) => method);
}

export const readMergeMethods = async (call: GitHubCall): Promise<MergeMethod[]> =>
  methodsOf(await read(call));

async function queueRequired(call: GitHubCall, branch: string): Promise<boolean | null> {
  const answer = z.object({ repository: z.object({ mergeQueue: z.object({ id: z.string() }).nullable() }) });
  try {
    return (await call.graphql(answer, "mergeQueue", { ...call.at, branch })).repository.mergeQueue !== null;
  } catch (thrown) {
    errorOf(thrown);
    return null;
  }
}

export async function readRepository(call: GitHubCall): Promise<RepositoryFacts> {
  const found = await read(call);
  return {
    defaultBranch: found.default_branch,
    canPush: found.permissions?.push ?? null,
    mergeMethods: methodsOf(found),
    mergeQueueRequired: await queueRequired(call, found.default_branch),
  };
}
