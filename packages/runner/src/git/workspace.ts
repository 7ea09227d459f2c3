import type { GitWorkspace, GitWorkspaceOptions } from "./types.ts";

/** Git for one town (spec/runner.md §5). Makes its directories on first use; starts nothing. */
export function createGitWorkspace(_options: GitWorkspaceOptions): GitWorkspace {
  throw new Error("The git workspace is being written.");
}
