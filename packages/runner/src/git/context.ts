/** What the parts of one workspace share. */
import type { LogStore } from "../logs/log-store.ts";
import type { Git } from "./git.ts";
import type { Mirrors } from "./mirrors.ts";
import type { Remotes } from "./remotes.ts";
import type { Semaphore } from "./waiting.ts";

export interface GitContext {
  /** Real path, without symbolic links: git stores real paths in its worktrees. */
  readonly root: string;
  /** Whether paths and `file://` urls are repositories too. */
  readonly allowLocal: boolean;
  readonly git: Git;
  readonly log: (event: string, data: object) => void;
  readonly mirrors: Mirrors;
  readonly remotes: Remotes;
  /** The marker of this runner instance: gates carry it too, but no credential of git's environment. */
  readonly gateEnv: Readonly<Record<string, string>>;
  /** Urls of remotes that turned out to take no refs but branches and tags. */
  readonly branchesOnly: Set<string>;
  /** Places for what takes a whole machine, gate runs among it (spec/runner.md §5). */
  readonly heavyRuns: Semaphore;
  /** Where complete logs of gates go; null: nowhere. */
  readonly logs: LogStore | null;
}
