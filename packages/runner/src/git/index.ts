export { GitFailure } from "./failure.ts";
export type { GitWorkspace, GitWorkspaceOptions, SettleOutcome } from "./types.ts";
export { createGitWorkspace } from "./workspace.ts";
