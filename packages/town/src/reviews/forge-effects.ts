/** What the town asks of a repository's forge, and what comes back (spec/review.md §4). */
import type {
  ForgeError,
  ForgeKind,
  PullRequest,
  PullRequestMerge,
  PullRequestReading,
  RigRef,
} from "@gastown/protocol";

/** The rig, with the kind of hosting that it has. */
export interface ForgeRig {
  rig: RigRef;
  forge: ForgeKind;
}

export interface PostedComment {
  path: string;
  line: number | null;
  body: string;
}

/** What was known when a reading was asked for; the answer says it back, so that a late one shows. */
interface Asked {
  head: string;
  /** The count of fresh readings that were wanted until then (`read_after`). */
  no: number;
  /** Epoch ms. */
  at: number;
}

export type ForgeRequest =
  | ({
      kind: "open_pull_request";
      branch: string;
      target: string;
      headSha: string;
      title: string;
      body: string;
    } & ForgeRig)
  | ({
      kind: "poll_pull_request";
      url: string;
      asked: Asked;
      /** Whether the logs of failing checks are wanted: they go into a work order. */
      wantLogs: boolean;
    } & ForgeRig)
  | ({
      kind: "merge_pull_request";
      url: string;
      headSha: string;
      method: "merge" | "squash" | "rebase" | "auto";
      /** A person does not want it any more: it is only told whether an earlier try has merged it. */
      withdrawn: boolean;
      title: string;
      message: string;
    } & ForgeRig)
  | ({
      kind: "post_review";
      url: string;
      headSha: string;
      body: string;
      comments: readonly PostedComment[];
    } & ForgeRig);

interface Unsupported {
  kind: "unsupported";
  what: string;
}

/** A transient failure of opening, merging and posting is a retry of the effect and never comes here. */
export type ForgeAnswer =
  | { of: "open"; result: { kind: "ok"; pr: PullRequest } | Unsupported | ForgeError }
  | {
      of: "poll";
      asked: Asked;
      reading: PullRequestReading | Unsupported;
      /** Merged: whether the base contains the commit that the forge names; null: not known. */
      contained: boolean | null;
      logs: readonly { name: string; text: string }[];
    }
  | {
      of: "merge";
      /** `landed`: merged, read back, and the merge commit is in the target. */
      result:
        | { kind: "landed"; pr: PullRequest; commit: string }
        | Exclude<PullRequestMerge, { kind: "merged" | "already" }>
        | { kind: "withdrawn" }
        | Unsupported;
    }
  | { of: "review"; problem: string | null };
