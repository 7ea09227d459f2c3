/**
 * The one interface to a repository's hosting (spec/review.md §4, §6). GitHub, GitLab and plain git
 * implement it and pass `conformance`; what one of them cannot do is `unsupported`, a typed answer.
 *
 * No method throws for what a forge says or fails to say: that is in the answer. What it throws is
 * the reason of the caller's own `signal`. Each resolves its token at the moment of every request.
 * Each that changes something looks first, so a repeat is harmless.
 */
import type {
  ForgeError,
  ForgeKind,
  PullRequest,
  PullRequestMerge,
  PullRequestReading,
  ReviewThread,
} from "@gastown/protocol";

export type Unsupported = { kind: "unsupported"; what: string };
export type Answer<T> = { kind: "ok"; value: T } | Unsupported | ForgeError;

export type MergeMethod = "merge" | "squash" | "rebase";

export interface InlineComment {
  path: string;
  line: number | null;
  body: string;
}

/** What a permission check of setup and preview needs to know (spec/api.md §3.1). */
export interface RepositoryFacts {
  defaultBranch: string;
  /** Null: the forge did not say. */
  canPush: boolean | null;
  /** Empty: the forge did not say. */
  mergeMethods: readonly MergeMethod[];
  /** Whether the default branch takes merges through a queue or train only; null: it could not be read. */
  mergeQueueRequired: boolean | null;
}

export interface Forge {
  readonly kind: ForgeKind;

  repository(signal: AbortSignal): Promise<Answer<RepositoryFacts>>;

  /**
   * The open pull request of branch and target is adopted; one with this head that is merged or
   * closed already is the answer, and none is opened anew (spec/town.md §4, effects).
   */
  openPullRequest(
    input: { branch: string; target: string; headSha: string; title: string; body: string; draft?: boolean },
    signal: AbortSignal,
  ): Promise<Answer<PullRequest>>;

  /** Status and all signals in one reading; conditional where the forge knows ETags. */
  read(url: string, signal: AbortSignal): Promise<PullRequestReading | Unsupported>;

  /** Every thread, resolved ones too, with all comments. */
  threads(url: string, signal: AbortSignal): Promise<Answer<ReviewThread[]>>;

  /** Merges only while the head is `headSha`. */
  merge(
    input: {
      url: string;
      headSha: string;
      method: MergeMethod;
      title: string;
      message: string;
    },
    signal: AbortSignal,
  ): Promise<PullRequestMerge | Unsupported>;

  /** Posts once: a review or comment that carries `marker` already is the answer. */
  postReview(
    input: { url: string; headSha: string; marker: string; body: string; comments: readonly InlineComment[] },
    signal: AbortSignal,
  ): Promise<Answer<{ posted: boolean }>>;

  reply(
    input: { url: string; threadId: string; marker: string; body: string },
    signal: AbortSignal,
  ): Promise<Answer<{ posted: boolean }>>;
  resolveThread(
    input: { url: string; threadId: string },
    signal: AbortSignal,
  ): Promise<Answer<{ resolved: true }>>;

  /** Already there at that head: success. At another: `http_error` 409, and it is left alone. */
  createBranch(
    input: { branch: string; headSha: string },
    signal: AbortSignal,
  ): Promise<Answer<{ headSha: string }>>;
  /**
   * Only while it stands at `headSha`: `stands_at` is the other head at which it is left alone.
   * Already gone: not deleted, and null.
   */
  deleteBranch(
    input: { branch: string; headSha: string },
    signal: AbortSignal,
  ): Promise<Answer<{ deleted: boolean; stands_at: string | null }>>;

  /** Null: there is no such file at that ref. */
  readFile(input: { path: string; ref: string }, signal: AbortSignal): Promise<Answer<string | null>>;
  /** Whether `commit` is an ancestor of, or equal to, the head of `branch`. */
  contains(input: { branch: string; commit: string }, signal: AbortSignal): Promise<Answer<boolean>>;
  /** The tail of a failed check's log, or its summary; null where the forge has none. */
  checkLog(
    input: { url: string; name: string; headSha: string },
    signal: AbortSignal,
  ): Promise<Answer<string | null>>;
}
