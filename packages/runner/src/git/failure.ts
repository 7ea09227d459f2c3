/** Failures of git as the town is told them (spec/runner.md §7). */
import { GastownError } from "@gastown/protocol";
import type { ErrorCode, FailureReason } from "@gastown/protocol";

export type GitFailureCode =
  | "auth"
  | "unreachable"
  | "not_allowed"
  | "empty"
  | "missing_start_point"
  | "unsaved_commits"
  | "git_outdated"
  | "disk"
  | "network"
  | "rejected"
  | "lfs_missing"
  | "contents_missing"
  | "git_failed";

export interface GitFailureOptions {
  readonly phase: "repository" | "worktree";
  readonly code: GitFailureCode;
  readonly message: string;
  readonly action: string;
}

/** What may pass by itself is `runner_error`; what a person has to mend is `repository_unusable`. */
function errorCode(code: GitFailureCode): ErrorCode {
  return code === "network" || code === "git_failed" || code === "unsaved_commits"
    ? "runner_error"
    : "repository_unusable";
}

/** Thrown by `prepareWorktree` and `saveWork`. `failure` is ready to be sent as a session's reason. */
export class GitFailure extends GastownError {
  override readonly name = "GitFailure";
  readonly failure: FailureReason & GitFailureOptions;

  constructor(options: GitFailureOptions) {
    super(errorCode(options.code), options.message, { phase: options.phase, action: options.action });
    this.failure = {
      ...options,
      message: options.message.slice(0, 4_000),
      action: options.action.slice(0, 1_000),
    };
  }
}

/** A failure of git, or of the disk below it, as a `GitFailure`; null for anything else (an abort). */
export function asGitFailure(error: unknown): GitFailure | null {
  if (error instanceof GitFailure) return error;
  if (!(error instanceof Error) || !("syscall" in error)) return null;
  const action = "Check the space and the permissions of the data directory.";
  return new GitFailure({ phase: "worktree", code: "disk", message: error.message, action });
}
