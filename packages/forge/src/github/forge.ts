/** GitHub, on github.com and on servers of one's own (spec/review.md §4). */
import type { ForgeContext } from "../context.ts";
import type { Forge } from "../forge.ts";
import { hostedForge } from "../hosting/forge.ts";
import type { RepositoryLocation } from "../urls/repository-url.ts";
import { readApproval } from "./approval.ts";
import { contains, makeBranch, readFile, readHead, removeBranch } from "./branches.ts";
import { apiUrlOf, githubCalls, type GitHubCall } from "./call.ts";
import { readCheckLog, readChecks } from "./checks.ts";
import { mergePullRequest } from "./merge.ts";
import { postReview } from "./post-review.ts";
import { openPullRequest, readPullRequest } from "./pull-requests.ts";
import { readRepository } from "./repository.ts";
import { readThreads, replyToThread, resolveThread } from "./threads.ts";

/** `apiUrl` where it is not to be found from the repository's own site. */
export function githubForge(
  location: RepositoryLocation,
  context: ForgeContext,
  apiUrl: string = apiUrlOf(location.site),
): Forge {
  return hostedForge<GitHubCall>({
    kind: "github",
    site: location.site,
    open: githubCalls(location, context, apiUrl),
    repository: readRepository,
    openPullRequest: (call, input) => openPullRequest(call, location.site, input),
    async pullRequest(call, number, url) {
      const pr = await readPullRequest(call, number, url);
      return {
        pr,
        signals: {
          threads: () => readThreads(call, number),
          checks: () => readChecks(call, pr.head_sha),
          approval: () => readApproval(call, number, pr.head_sha),
        },
      };
    },
    threads: readThreads,
    merge: mergePullRequest,
    postReview,
    reply: (call, number, input) => replyToThread(call, { number, threadId: input.threadId }, input),
    resolveThread: (call, number, threadId) => resolveThread(call, { number, threadId }),
    readHead,
    makeBranch,
    branchExists: 422,
    removeBranch,
    readFile,
    contains,
    checkLog: (call, _number, { name, headSha }) => readCheckLog(call, name, headSha),
  });
}
