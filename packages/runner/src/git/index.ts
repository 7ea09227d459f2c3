export type { DiffAnswer } from "./diff.ts";
export { GitFailure } from "./failure.ts";
export type { GitWorkspace, GitWorkspaceOptions, SettleOutcome } from "./types.ts";
export type { Places } from "./forget.ts";
export { createGitWorkspace } from "./workspace.ts";
