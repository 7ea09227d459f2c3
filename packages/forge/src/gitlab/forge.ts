/** GitLab, on gitlab.com and on servers of one's own (spec/review.md §4). */
import type { PullRequestReading } from "@gastown/protocol";
import type { ForgeContext } from "../context.ts";
import { answer, errorOf } from "../failure.ts";
import type { Forge } from "../forge.ts";
import { readSignals } from "../review/signals.ts";
import { pullRequestAt } from "../urls/at-host.ts";
import type { RepositoryLocation } from "../urls/repository-url.ts";
import { readApproval } from "./approval.ts";
import { contains, createBranch, deleteBranch, readFile } from "./branches.ts";
import { gitlabCalls, type GitLabCall } from "./call.ts";
import { readCheckLog, readChecks } from "./checks.ts";
import { readThreads, replyToThread, resolveThread } from "./discussions.ts";
import { mergeMergeRequest } from "./merge.ts";
import { openMergeRequest, pullRequestOf, readMergeRequest } from "./merge-requests.ts";
import { postReview } from "./post-review.ts";
import { readProject } from "./project.ts";

export function gitlabForge(location: RepositoryLocation, context: ForgeContext): Forge {
  const open = gitlabCalls(location, context);

  /** Looks at the url before anything leaves for its host. */
  const at = (url: string, signal: AbortSignal): { call: GitLabCall; iid: number; url: string } => {
    const mr = pullRequestAt("gitlab", location.origin, url);
    return { call: open(signal, mr.project), iid: mr.number, url: mr.url };
  };

  async function read(url: string, signal: AbortSignal): Promise<PullRequestReading> {
    try {
      const { call, iid, url: known } = at(url, signal);
      const mr = await readMergeRequest(call, iid);
      const pr = pullRequestOf(mr, known);
      const signals = await readSignals(pr, {
        threads: () => readThreads(call, iid, mr.sha),
        checks: () => readChecks(call, mr),
        approval: () => readApproval(call, iid),
      });
      return { outcome: { kind: "ok", pr }, signals };
    } catch (thrown) {
      return { outcome: errorOf(thrown), signals: null };
    }
  }

  return {
    kind: "gitlab",
    read,
    repository: (signal) => answer(() => readProject(open(signal))),
    openPullRequest: (input, signal) => answer(() => openMergeRequest(open(signal), location.origin, input)),
    threads: (url, signal) =>
      answer(async () => {
        const { call, iid } = at(url, signal);
        return readThreads(call, iid, (await readMergeRequest(call, iid)).sha);
      }),
    async merge(input, signal) {
      try {
        const { call, iid, url } = at(input.url, signal);
        return await mergeMergeRequest(call, iid, { ...input, url });
      } catch (thrown) {
        return errorOf(thrown);
      }
    },
    postReview: (input, signal) =>
      answer(async () => {
        const { call, iid } = at(input.url, signal);
        return { posted: await postReview(call, iid, input) };
      }),
    reply: (input, signal) =>
      answer(async () => {
        const { call, iid } = at(input.url, signal);
        return { posted: await replyToThread(call, { iid, threadId: input.threadId }, input) };
      }),
    resolveThread: (input, signal) =>
      answer(async () => {
        const { call, iid } = at(input.url, signal);
        await resolveThread(call, { iid, threadId: input.threadId });
        return { resolved: true };
      }),
    createBranch: (input, signal) => answer(() => createBranch(open(signal), input)),
    deleteBranch: (input, signal) => answer(() => deleteBranch(open(signal), input)),
    readFile: (input, signal) => answer(() => readFile(open(signal), input)),
    contains: (input, signal) => answer(() => contains(open(signal), input)),
    checkLog: (input, signal) =>
      answer(async () => {
        const { call, iid } = at(input.url, signal);
        return readCheckLog(call, await readMergeRequest(call, iid), input.name);
      }),
  };
}
