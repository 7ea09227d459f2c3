/** GitHub, on github.com and on servers of one's own (spec/review.md §4). */
import type { PullRequestReading } from "@gastown/protocol";
import type { ForgeContext } from "../context.ts";
import { answer, errorOf } from "../failure.ts";
import type { Forge } from "../forge.ts";
import { readSignals } from "../review/signals.ts";
import { pullRequestAt } from "../urls/at-host.ts";
import type { RepositoryLocation } from "../urls/repository-url.ts";
import { readApproval } from "./approval.ts";
import { contains, createBranch, deleteBranch, readFile } from "./branches.ts";
import { apiUrlOf, githubCalls, type GitHubCall } from "./call.ts";
import { readCheckLog, readChecks } from "./checks.ts";
import { mergePullRequest } from "./merge.ts";
import { postReview } from "./post-review.ts";
import { openPullRequest, readPullRequest } from "./pull-requests.ts";
import { readRepository } from "./repository.ts";
import { readThreads, replyToThread, resolveThread } from "./threads.ts";

/** `apiUrl` where it is not to be found from the repository's own host. */
export function githubForge(
  location: RepositoryLocation,
  context: ForgeContext,
  apiUrl: string = apiUrlOf(location.origin),
): Forge {
  const open = githubCalls(location, context, apiUrl);

  /** Looks at the url before anything leaves for its host. */
  const at = (url: string, signal: AbortSignal): { call: GitHubCall; number: number; url: string } => {
    const pr = pullRequestAt("github", location.origin, url);
    return { call: open(signal, pr.project), number: pr.number, url: pr.url };
  };

  async function read(url: string, signal: AbortSignal): Promise<PullRequestReading> {
    try {
      const { call, number, url: known } = at(url, signal);
      const pr = await readPullRequest(call, number, known);
      const signals = await readSignals(pr, {
        threads: () => readThreads(call, number),
        checks: () => readChecks(call, pr.head_sha),
        approval: () => readApproval(call, number, pr.head_sha),
      });
      return { outcome: { kind: "ok", pr }, signals };
    } catch (thrown) {
      return { outcome: errorOf(thrown), signals: null };
    }
  }

  return {
    kind: "github",
    read,
    repository: (signal) => answer(() => readRepository(open(signal))),
    openPullRequest: (input, signal) => answer(() => openPullRequest(open(signal), location.origin, input)),
    threads: (url, signal) =>
      answer(async () => {
        const { call, number } = at(url, signal);
        return readThreads(call, number);
      }),
    async merge(input, signal) {
      try {
        const { call, number, url } = at(input.url, signal);
        return await mergePullRequest(call, number, { ...input, url });
      } catch (thrown) {
        return errorOf(thrown);
      }
    },
    postReview: (input, signal) =>
      answer(async () => {
        const { call, number } = at(input.url, signal);
        return { posted: await postReview(call, number, input) };
      }),
    reply: (input, signal) =>
      answer(async () => {
        const { call, number } = at(input.url, signal);
        return { posted: await replyToThread(call, { number, threadId: input.threadId }, input) };
      }),
    resolveThread: (input, signal) =>
      answer(async () => {
        const { call, number } = at(input.url, signal);
        await resolveThread(call, { number, threadId: input.threadId });
        return { resolved: true };
      }),
    createBranch: (input, signal) => answer(() => createBranch(open(signal), input)),
    deleteBranch: (input, signal) => answer(() => deleteBranch(open(signal), input)),
    readFile: (input, signal) => answer(() => readFile(open(signal), input)),
    contains: (input, signal) => answer(() => contains(open(signal), input)),
    checkLog: (input, signal) =>
      answer(() => readCheckLog(at(input.url, signal).call, input.name, input.headSha)),
  };
}
