/**
 * What a forge says of a pull request (spec/review.md §4), GitHub and GitLab alike. Whatever could
 * not be read, or is not known here, is `unknown`: a value of its own, and never a success.
 */
import { z } from "zod";
import { sha, text } from "./text.ts";

/** What kind of hosting a repository has. `git`: no pull requests. */
export const forgeKind = z.enum(["github", "gitlab", "git"]);
export type ForgeKind = z.infer<typeof forgeKind>;

/** Why a call of a forge failed (the table of spec/review.md §4.1). */
export const forgeError = z.discriminatedUnion("kind", [
  /** Nothing in the chain of credentials gave a token; `tried` in order. */
  z.strictObject({ kind: z.literal("no_token"), provider: forgeKind, tried: z.array(z.string()) }),
  z.strictObject({ kind: z.literal("unrecognized_url"), url: z.string() }),
  /** The token never left: its host is not the one that was asked for. */
  z.strictObject({ kind: z.literal("host_mismatch"), expected: z.string(), got: z.string() }),
  z.strictObject({
    kind: z.literal("http_error"),
    provider: forgeKind,
    /** Null: no answer at all. */
    status: z.int().nullable(),
    status_text: z.string(),
    transient: z.boolean(),
    retry_after_ms: z.int().min(0).optional(),
    /** No route or no name lookup: this machine is offline, which counts nowhere. */
    offline: z.boolean().optional(),
  }),
  z.strictObject({
    kind: z.literal("invalid_response"),
    provider: forgeKind,
    reason: z.enum(["json_parse", "schema_mismatch"]),
    sample_keys: z.array(z.string()).max(8),
  }),
]);
export type ForgeError = z.infer<typeof forgeError>;

export const mergeableState = z.enum([
  "clean",
  "dirty",
  "blocked",
  "behind",
  "unstable",
  "has_hooks",
  "unknown",
]);
export type MergeableState = z.infer<typeof mergeableState>;

export const pullRequest = z.strictObject({
  url: z.string(),
  number: z.int().min(1),
  state: z.enum(["open", "merged", "closed"]),
  draft: z.boolean(),
  mergeable: mergeableState,
  head_sha: sha,
  /** The branch that is asked to be merged. */
  head: z.string(),
  /** That branch is in another repository, where the town cannot push. */
  from_fork: z.boolean(),
  base: z.string(),
  title: z.string(),
  author: z.string(),
  /** The commit that the forge names as the merge; null while it is not merged. */
  merge_commit: sha.nullable(),
  merged_by: z.string().nullable(),
});
export type PullRequest = z.infer<typeof pullRequest>;

/** One poll's main answer: the state of the pull request, or one error. */
export const pullRequestOutcome = z.union([
  z.strictObject({ kind: z.literal("ok"), pr: pullRequest }),
  ...forgeError.options,
]);
export type PullRequestOutcome = z.infer<typeof pullRequestOutcome>;

export const reviewComment = z.strictObject({
  id: z.string(),
  author: z.string(),
  /** `unknown` counts as a person. */
  author_kind: z.enum(["person", "bot", "unknown"]),
  /** May the author push to the repository; null: not known, which counts as yes. */
  can_write: z.boolean().nullable(),
  body: text(0, 20_000),
  at: z.string(),
});
export const reviewThread = z.strictObject({
  id: z.string(),
  resolved: z.boolean(),
  outdated: z.boolean(),
  path: z.string().nullable(),
  line: z.int().nullable(),
  comments: z.array(reviewComment).min(1),
});
export type ReviewThread = z.infer<typeof reviewThread>;

/** `success`, `skipped` and `neutral` are fine; `pending` is awaited; all others are red or unknown. */
export const checkState = z.enum([
  "success",
  "skipped",
  "neutral",
  "pending",
  "failure",
  "cancelled",
  "timed_out",
  "action_required",
  "stale",
  "startup_failure",
  "unknown",
]);
export const checkRun = z.strictObject({
  name: z.string(),
  state: checkState,
  url: z.string().nullable(),
  summary: z.string().nullable(),
});
export type CheckRun = z.infer<typeof checkRun>;

/** `none`: nobody's approval is required and nobody asked for changes. */
export const approvalState = z.enum(["approved", "changes_requested", "review_required", "none"]);
export type ApprovalState = z.infer<typeof approvalState>;

/** What somebody who asks for changes of this head says to it as a whole, beside the threads. */
export const changeRequest = z.strictObject({ author: z.string(), body: text(1, 20_000) });
export type ChangeRequest = z.infer<typeof changeRequest>;

const unknownSignal = z.strictObject({ state: z.literal("unknown"), why: z.string() });

/** One read per poll of everything that decides whether it may merge (spec/review.md §4.3). */
export const pullRequestSignals = z.strictObject({
  threads: z.union([
    z.strictObject({ state: z.literal("known"), unresolved: z.array(reviewThread) }),
    unknownSignal,
  ]),
  checks: z.union([
    z.strictObject({ state: z.literal("known"), head_sha: sha, items: z.array(checkRun) }),
    unknownSignal,
  ]),
  approval: z.union([
    z.strictObject({
      state: z.literal("known"),
      decision: approvalState,
      /** Absent: nobody who asks for changes says more than the threads do. */
      requests: z.array(changeRequest).min(1).optional(),
    }),
    unknownSignal,
  ]),
});
export type PullRequestSignals = z.infer<typeof pullRequestSignals>;

/** What one poll brought. `signals` is null where the pull request itself could not be read or is not open. */
export const pullRequestReading = z.strictObject({
  outcome: pullRequestOutcome,
  signals: pullRequestSignals.nullable(),
});
export type PullRequestReading = z.infer<typeof pullRequestReading>;

/** How a pinned merge ended (spec/review.md §4.4). */
export const pullRequestMerge = z.union([
  z.strictObject({ kind: z.literal("merged"), commit: sha.nullable() }),
  /** It was merged before, by whoever and at whichever head. */
  z.strictObject({ kind: z.literal("already"), pr: pullRequest }),
  z.strictObject({ kind: z.literal("head_moved"), head: sha.nullable() }),
  z.strictObject({ kind: z.literal("not_mergeable"), message: z.string() }),
  z.strictObject({
    kind: z.literal("method_not_allowed"),
    allowed: z.array(z.enum(["merge", "squash", "rebase"])),
  }),
  z.strictObject({ kind: z.literal("queue_required") }),
  z.strictObject({ kind: z.literal("closed") }),
  ...forgeError.options,
]);
export type PullRequestMerge = z.infer<typeof pullRequestMerge>;
