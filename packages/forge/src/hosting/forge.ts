/**
 * The one shape of forges with pull requests: GitHub and GitLab each give their calls, and this makes a
 * `Forge` of them. Every url is looked at before anything leaves for its host, and every failure of a
 * call becomes the answer that the interface promises.
 */
import type { PullRequest, PullRequestMerge, PullRequestReading, ReviewThread } from "@gastown/protocol";
import { answer, errorOf } from "../failure.ts";
import type { Answer, Forge, RepositoryFacts } from "../forge.ts";
import { readSignals, type SignalReaders } from "../review/signals.ts";
import { pullRequestAt } from "../urls/at-host.ts";
import { createBranch, deleteBranch, type BranchCalls } from "./branches.ts";

type Input<K extends keyof Forge> = Forge[K] extends (input: infer I, signal: AbortSignal) => unknown
  ? I
  : never;

/** What one forge does with an open call `C`. Each throws a `ForgeFailure` where it fails. */
export interface Hosting<C> extends BranchCalls<C> {
  readonly kind: "github" | "gitlab";
  /** Address of the forge's pages. */
  readonly site: string;
  /** `project`: another one at the same site than the forge's own. */
  open(signal: AbortSignal, project?: string): C;
  repository(call: C): Promise<RepositoryFacts>;
  openPullRequest(call: C, input: Input<"openPullRequest">): Promise<PullRequest>;
  /** The pull request, and how its signals are read. */
  pullRequest(call: C, number: number, url: string): Promise<{ pr: PullRequest; signals: SignalReaders }>;
  threads(call: C, number: number): Promise<ReviewThread[]>;
  merge(call: C, number: number, input: Input<"merge">): Promise<PullRequestMerge>;
  postReview(call: C, number: number, input: Input<"postReview">): Promise<boolean>;
  reply(call: C, number: number, input: Input<"reply">): Promise<boolean>;
  resolveThread(call: C, number: number, threadId: string): Promise<void>;
  readFile(call: C, input: Input<"readFile">): Promise<string | null>;
  contains(call: C, input: Input<"contains">): Promise<boolean>;
  checkLog(call: C, number: number, input: Input<"checkLog">): Promise<string | null>;
}

export function hostedForge<C>(hosting: Hosting<C>): Forge {
  const { kind, site } = hosting;

  const at = (url: string, signal: AbortSignal): { call: C; number: number; url: string } => {
    const pr = pullRequestAt(kind, site, url);
    return { call: hosting.open(signal, pr.project), number: pr.number, url: pr.url };
  };

  /** What concerns the pull request at a url. */
  const ofPullRequest =
    <I extends { url: string }, T>(act: (call: C, number: number, input: I) => Promise<T>) =>
    (input: I, signal: AbortSignal): Promise<Answer<T>> =>
      answer(async () => {
        const { call, number } = at(input.url, signal);
        return act(call, number, input);
      });

  /** What concerns the forge's own repository. */
  const ofRepository =
    <I, T>(act: (call: C, input: I) => Promise<T>) =>
    (input: I, signal: AbortSignal): Promise<Answer<T>> =>
      answer(() => act(hosting.open(signal), input));

  return {
    kind,
    async read(url, signal): Promise<PullRequestReading> {
      try {
        const found = at(url, signal);
        const { pr, signals } = await hosting.pullRequest(found.call, found.number, found.url);
        return { outcome: { kind: "ok", pr }, signals: await readSignals(pr, signals) };
      } catch (thrown) {
        return { outcome: errorOf(thrown), signals: null };
      }
    },
    async merge(input, signal) {
      try {
        const { call, number, url } = at(input.url, signal);
        return await hosting.merge(call, number, { ...input, url });
      } catch (thrown) {
        return errorOf(thrown);
      }
    },
    repository: (signal) => answer(() => hosting.repository(hosting.open(signal))),
    openPullRequest: ofRepository((call, input) => hosting.openPullRequest(call, input)),
    threads: (url, signal) => ofPullRequest((call, number) => hosting.threads(call, number))({ url }, signal),
    postReview: ofPullRequest(async (call, number, input: Input<"postReview">) => ({
      posted: await hosting.postReview(call, number, input),
    })),
    reply: ofPullRequest(async (call, number, input: Input<"reply">) => ({
      posted: await hosting.reply(call, number, input),
    })),
    resolveThread: ofPullRequest(async (call, number, input: Input<"resolveThread">) => {
      await hosting.resolveThread(call, number, input.threadId);
      return { resolved: true as const };
    }),
    createBranch: ofRepository((call, input: Input<"createBranch">) => createBranch(hosting, call, input)),
    deleteBranch: ofRepository((call, input: Input<"deleteBranch">) => deleteBranch(hosting, call, input)),
    readFile: ofRepository((call, input) => hosting.readFile(call, input)),
    contains: ofRepository((call, input) => hosting.contains(call, input)),
    checkLog: ofPullRequest((call, number, input: Input<"checkLog">) =>
      hosting.checkLog(call, number, input),
    ),
  };
}
