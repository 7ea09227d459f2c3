/** A forge with one pull request, of which a test says what it is. */
import { plainForge, type Forge } from "@gastown/forge";
import type { PullRequest, ReviewThread } from "@gastown/protocol";

export const PR_URL = "https://github.com/acme/app/pull/7";

export interface OnePullRequest {
  pr: PullRequest;
  threads: ReviewThread[];
  replies: { threadId: string; body: string; marker: string }[];
  resolved: string[];
  reads: number;
  /** How its next calls fail in passing, after they were carried out. */
  losesAnswers: number;
}

const LOST = {
  kind: "http_error",
  provider: "github",
  status: null,
  status_text: "ECONNRESET",
  transient: true,
} as const;

export function onePullRequest(more: Partial<PullRequest> = {}): OnePullRequest {
  return {
    pr: {
      url: PR_URL,
      number: 7,
      state: "open",
      draft: false,
      mergeable: "clean",
      head_sha: "c".repeat(40),
      head: "their-branch",
      base: "main",
      title: "Their change",
      author: "alice",
      from_fork: false,
      merge_commit: null,
      merged_by: null,
      ...more,
    },
    threads: [],
    replies: [],
    resolved: [],
    reads: 0,
    losesAnswers: 0,
  };
}

export function forgeOfOne(state: OnePullRequest): Forge {
  return {
    ...plainForge(),
    kind: "github",
    repository: () =>
      Promise.resolve({
        kind: "ok",
        value: { defaultBranch: "main", canPush: true, mergeMethods: ["merge"], mergeQueueRequired: false },
      }),
    read: () => {
      state.reads += 1;
      return Promise.resolve({
        outcome: { kind: "ok", pr: state.pr },
        signals: {
          threads: { state: "known", unresolved: state.threads.filter(({ resolved }) => !resolved) },
          checks: { state: "known", head_sha: state.pr.head_sha, items: [] },
          approval: { state: "known", decision: "none" },
        },
      });
    },
    threads: () => Promise.resolve({ kind: "ok", value: state.threads }),
    reply: ({ threadId, body, marker }) => {
      const before = state.replies.some((one) => one.marker === marker);
      if (!before) state.replies.push({ threadId, body, marker });
      if (state.losesAnswers > 0) {
        state.losesAnswers -= 1;
        return Promise.resolve(LOST);
      }
      return Promise.resolve({ kind: "ok", value: { posted: !before } });
    },
    resolveThread: ({ threadId }) => {
      state.resolved.push(threadId);
      return Promise.resolve({ kind: "ok", value: { resolved: true } });
    },
  };
}
