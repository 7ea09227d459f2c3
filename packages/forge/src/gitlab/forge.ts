/** GitLab, on gitlab.com and on servers of one's own, also below a path of their host (spec/review.md §4). */
import type { ForgeContext } from "../context.ts";
import type { Forge } from "../forge.ts";
import { hostedForge } from "../hosting/forge.ts";
import type { RepositoryLocation } from "../urls/repository-url.ts";
import { readApproval } from "./approval.ts";
import { contains, makeBranch, readFile, readHead, removeBranch } from "./branches.ts";
import { gitlabCalls, type GitLabCall } from "./call.ts";
import { readCheckLog, readChecks } from "./checks.ts";
import { readThreads, replyToThread, resolveThread } from "./discussions.ts";
import { mergeMergeRequest } from "./merge.ts";
import { openMergeRequest, pullRequestOf, readMergeRequest } from "./merge-requests.ts";
import { postReview } from "./post-review.ts";
import { readProject } from "./project.ts";

export function gitlabForge(location: RepositoryLocation, context: ForgeContext): Forge {
  return hostedForge<GitLabCall>({
    kind: "gitlab",
    site: location.site,
    open: gitlabCalls(location, context),
    repository: readProject,
    openPullRequest: (call, input) => openMergeRequest(call, location.site, input),
    async pullRequest(call, iid, url) {
      const mr = await readMergeRequest(call, iid);
      return {
        pr: pullRequestOf(mr, url),
        signals: {
          threads: () => readThreads(call, iid, mr.sha),
          checks: () => readChecks(call, mr),
          approval: () => readApproval(call, iid),
        },
      };
    },
    threads: async (call, iid) => readThreads(call, iid, (await readMergeRequest(call, iid)).sha),
    merge: mergeMergeRequest,
    postReview,
    reply: (call, iid, input) => replyToThread(call, { iid, threadId: input.threadId }, input),
    resolveThread: (call, iid, threadId) => resolveThread(call, { iid, threadId }),
    readHead,
    makeBranch,
    branchExists: 400,
    removeBranch,
    readFile,
    contains,
    checkLog: async (call, iid, { name }) => readCheckLog(call, await readMergeRequest(call, iid), name),
  });
}
