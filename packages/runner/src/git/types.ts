/**
 * What the rest of the runner may ask of git (spec/runner.md §5, spec/review.md §1 and §3).
 * Nothing outside this folder starts a git process.
 */
import type { LogStore } from "../logs/log-store.ts";
import type { DiffAnswer, TreeDiffOptions } from "./diff.ts";
import type { GrantAccess } from "./git.ts";
import type { Places } from "./forget.ts";
import type { RunChild } from "./starter.ts";
import type { Semaphore } from "./waiting.ts";
import type {
  BranchRequest,
  DiffQuery,
  EffectOutcome,
  GatesRequest,
  GitIdentity,
  KeptWork,
  MergeRequestBody,
  RepoCheckAnswer,
  RigRef,
  SettleResult,
  UpdateBranchRequest,
} from "@gastown/protocol";

export interface GitWorkspaceOptions {
  /** Absolute directory of this town's git data. The caller holds an exclusive lock on it for its life. */
  readonly root: string;
  readonly log: (event: string, data: object) => void;
  /**
   * Added to the otherwise empty environment of every git process: credentials of the host
   * (`HOME`, `SSH_AUTH_SOCK`, `GIT_CONFIG_*`), proxies, the marker of this runner instance. Names that
   * begin with `GASTOWN_` reach gates, too; nothing else does.
   */
  readonly gitEnv: Readonly<Record<string, string>>;
  /** Whether paths and `file://` urls are repositories too. */
  readonly allowLocal: boolean;
  /** What starts git; this process itself where it is left out. */
  readonly runChild?: RunChild;
  /** How git gets a credential at the moment of use; left out: as the host's git is configured. */
  readonly access?: GrantAccess;
  /** Where the complete logs of gates are kept; left out: only their ends are. */
  readonly logs?: LogStore;
  /** Places for what takes a whole machine, shared with the setups of sessions; left out: two for gates alone. */
  readonly heavyRuns?: Semaphore;
}

export interface PrepareOptions {
  /** Whose directory it is: an agent's id. */
  readonly slot: string;
  readonly rig: RigRef;
  /** Null: a detached head. */
  readonly branch: string | null;
  /** A commit id or a full ref name on the remote. */
  readonly startPoint: string;
  /** Leave what is there: the same session goes on. Without a worktree one is made. */
  readonly keep: boolean;
  /**
   * The session that goes on: where its worktree is gone, it begins at what it has saved on the remote,
   * told to the town or not, or its next save would take the place of that. Null: a new one.
   */
  readonly goesOn: string | null;
  readonly author: GitIdentity;
  readonly signal: AbortSignal;
}

export interface PreparedWorktree {
  readonly dir: string;
  /** Whether the session goes on with what was there. */
  readonly kept: boolean;
  /** The commit at which the session began. */
  readonly baseSha: string;
}

export interface SettleOptions {
  readonly dir: string;
  readonly rig: RigRef;
  readonly branch: string;
  readonly target: string;
  /** Fix bead: commits beyond this head are wanted, instead of commits that the target lacks. */
  readonly startHead: string | null;
  readonly allowRewrite: boolean;
  readonly author: GitIdentity;
  /** `Name <email>` for the trailer of our own commit; null: none. */
  readonly coauthor: string | null;
  /** Subject for the commit of what was left uncommitted. */
  readonly message: string;
  readonly noChanges: boolean;
  /** Told once, as soon as everything is committed and before anything is pushed. */
  readonly onCommitted?: (headSha: string) => void;
  readonly signal: AbortSignal;
}

/** `head_sha` is the head that was or would be pushed; with `branch_moved` the remote's, to be merged. */
export type SettleOutcome = Omit<SettleResult, "epoch" | "settle_id">;

export interface SaveOptions {
  readonly dir: string;
  readonly rig: RigRef;
  readonly sessionId: string;
  readonly author: GitIdentity;
  readonly signal: AbortSignal;
}

export interface SavedWork {
  /** A full ref name on the remote; null when there was nothing to save or only a bundle holds it. */
  readonly workRef: string | null;
  /** What is not at that ref; left out where all of it is. Of a bundle a person must be told. */
  readonly kept?: readonly KeptWork[];
}

/**
 * Every call may be repeated after a crash or a lost answer. Aborting rejects with the signal's
 * reason. `prepareWorktree`, `head`, the diffs and `saveWork` throw `GitFailure`; the others answer with an outcome.
 */
export interface GitWorkspace {
  /** Can this url be used? Reads the remote, makes nothing. Without `branch`: its default branch. */
  check(
    url: string,
    branch: string | undefined,
    signal: AbortSignal,
    /** Whose credential is tried. */
    rigId?: string,
  ): Promise<RepoCheckAnswer>;
  /** Clones or fetches: `rig_ready`, `rig_broken`. */
  setupRig(rig: RigRef, signal: AbortSignal): Promise<EffectOutcome>;
  /** Makes or reuses the slot's worktree; never while it has commits that no remote ref has. */
  prepareWorktree(options: PrepareOptions): Promise<PreparedWorktree>;
  /** A branch's head on the remote now; null: there is no such branch. Throws `GitFailure`. */
  head(rig: RigRef, branch: string, signal: AbortSignal): Promise<string | null>;
  /** Which slots and rigs have something on this disk. Never fails. */
  places(): Promise<Places>;
  /** Removes a slot's worktrees. The caller knows that their work is saved and that nobody works there. */
  forgetSlot(slot: string): Promise<void>;
  /** Removes a rig's clone, unless a worktree of it is still here. Whether it went. */
  forgetMirror(rigId: string): Promise<boolean>;
  /**
   * What changed between two revisions, for a person. Throws `GitFailure`, and `not_found` for commits
   * and files that are not there.
   */
  diff(query: DiffQuery, signal: AbortSignal): Promise<DiffAnswer>;
  /** The same for a worktree as it is now, which goes on meanwhile. */
  treeDiff(options: TreeDiffOptions): Promise<DiffAnswer>;
  /** Commits, pushes, reads back. */
  settle(options: SettleOptions): Promise<SettleOutcome>;
  /**
   * Commits what is dirty or unpushed to `refs/gastown/wip/<session>` and pushes it; the worktree
   * itself is not touched. The same for each of its submodules, at their own remotes. Throws `GitFailure`
   * `network` or `auth` when it must be tried again.
   */
  saveWork(options: SaveOptions): Promise<SavedWork>;
  /** `branch_done`, `missing_ref`, `rejected`, `auth`, `error`. */
  branch(request: BranchRequest, signal: AbortSignal): Promise<EffectOutcome>;
  /** `gates_done`, `missing_ref`, `auth`, `error`. */
  runGates(request: GatesRequest, signal: AbortSignal): Promise<EffectOutcome>;
  /** `branch_updated`, `head_moved`, `conflict`, `withdrawn`, `race_lost`, `missing_ref`, `rejected`, `auth`, `error`. */
  updateBranch(
    request: UpdateBranchRequest,
    canPush: () => boolean,
    signal: AbortSignal,
  ): Promise<EffectOutcome>;
  /** `canPush()` is asked right before each push; false: `withdrawn`. */
  merge(request: MergeRequestBody, canPush: () => boolean, signal: AbortSignal): Promise<EffectOutcome>;
}
