export { GitFailure } from "./failure.ts";
export type { GitFailureCode } from "./failure.ts";
export type {
  GitWorkspace,
  GitWorkspaceOptions,
  PreparedWorktree,
  PrepareOptions,
  SavedWork,
  SaveOptions,
  SettleOptions,
  SettleOutcome,
} from "./types.ts";
export { checkGit } from "./version.ts";
export type { GitVersion } from "./version.ts";
export { createGitWorkspace } from "./workspace.ts";
