/** The one way in which the runner starts git (spec/runner.md §5). */
import { join } from "node:path";
import type { GitIdentity } from "@gastown/protocol";
import type { ChildResult } from "./child.ts";
import { remoteProblem } from "./remote-errors.ts";
import type { RunChild } from "./starter.ts";

/** A bare mirror, a worktree of one (with its administrative directory), or none at all. */
export type Repository = { readonly gitDir: string; readonly worktree?: string } | { readonly nowhere: true };

export const NOWHERE: Repository = { nowhere: true };

/** What a call to a remote is for, so that it can be given a credential. */
interface RemoteUse {
  readonly url: string;
  /** Null: a url that is no rig yet. */
  readonly rigId: string | null;
  readonly purpose: "fetch" | "push";
}

/** What one git process needs to ask for a credential, until `release`. */
interface GrantedAccess {
  readonly env: Readonly<Record<string, string>>;
  readonly config: readonly (readonly [string, string])[];
  release(): void;
}

/** `hostSettings`: how many `GIT_CONFIG_*` settings are the host's own. */
export type GrantAccess = (use: RemoteUse, hostSettings: number) => GrantedAccess;

interface GitCall {
  readonly at: Repository;
  readonly args: readonly string[];
  readonly signal: AbortSignal;
  readonly input?: string;
  readonly identity?: GitIdentity;
  readonly env?: Readonly<Record<string, string>>;
  /** Settings for this call; they win over those of the repository. */
  readonly config?: readonly (readonly [string, string])[];
  readonly timeoutMs?: number;
  /** More output than this ends the call as `overflow`, with what it had said. */
  readonly stdoutBytes?: number;
  /** For calls that talk to a remote. */
  readonly remote?: RemoteUse;
}

export interface GitResult extends ChildResult {
  /** Exited by itself with 0. */
  readonly ok: boolean;
}

export type Git = (call: GitCall) => Promise<GitResult>;

export interface GitOptions {
  readonly runChild: RunChild;
  readonly root: string;
  readonly gitEnv: Readonly<Record<string, string>>;
  readonly allowLocal: boolean;
  /** Left out: whatever the host's git is configured with. */
  readonly access?: GrantAccess | undefined;
}

const LOCAL_DEADLINE_MS = 120_000;
const MAX_STDOUT = 64 * 1024 * 1024;
const MAX_STDERR = 64 * 1024;

/**
 * Settings that hold for all our calls, whatever the host or an agent configured: no hooks (they are
 * an agent's code), no background work, no prompts, no signing.
 */
const FIXED_CONFIG: readonly (readonly [string, string])[] = [
  ["core.hooksPath", "/dev/null"],
  ["core.fsmonitor", "false"],
  ["gc.auto", "0"],
  ["maintenance.auto", "false"],
  ["commit.gpgSign", "false"],
  ["push.gpgSign", "false"],
  ["push.followTags", "false"],
  ["push.recurseSubmodules", "no"],
  ["submodule.recurse", "false"],
  ["fetch.recurseSubmodules", "false"],
  ["rerere.enabled", "false"],
  ["rebase.autoStash", "false"],
  ["rebase.updateRefs", "false"],
  ["http.lowSpeedLimit", "1000"],
  ["http.lowSpeedTime", "60"],
];

function configEnv(
  given: Readonly<Record<string, string>>,
  entries: readonly (readonly [string, string])[],
): Record<string, string> {
  const first = Number(given["GIT_CONFIG_COUNT"] ?? "0");
  const env: Record<string, string> = { GIT_CONFIG_COUNT: String(first + entries.length) };
  for (const [index, [key, value]] of entries.entries()) {
    env[`GIT_CONFIG_KEY_${first + index}`] = key;
    env[`GIT_CONFIG_VALUE_${first + index}`] = value;
  }
  return env;
}

function identityEnv(identity: GitIdentity | undefined): Record<string, string> {
  if (identity === undefined) return {};
  return {
    GIT_AUTHOR_NAME: identity.name,
    GIT_AUTHOR_EMAIL: identity.email,
    GIT_COMMITTER_NAME: identity.name,
    GIT_COMMITTER_EMAIL: identity.email,
  };
}

function repositoryEnv(at: Repository, root: string): Record<string, string> {
  if ("nowhere" in at) return { GIT_CEILING_DIRECTORIES: root };
  return at.worktree === undefined
    ? { GIT_DIR: at.gitDir }
    : { GIT_DIR: at.gitDir, GIT_WORK_TREE: at.worktree };
}

function baseEnv(options: GitOptions): Record<string, string> {
  return {
    PATH: process.env["PATH"] ?? "/usr/local/bin:/usr/bin:/bin",
    HOME: join(options.root, "home"),
    GIT_CONFIG_NOSYSTEM: "1",
    ...options.gitEnv,
    LC_ALL: "C",
    GIT_TERMINAL_PROMPT: "0",
    GIT_EDITOR: ":",
    // Only what `parseRemoteUrl` lets through; a redirect or a helper cannot widen it.
    GIT_ALLOW_PROTOCOL: options.allowLocal ? "https:http:ssh:git:file" : "https:http:ssh:git",
    // An agent could otherwise make `git log` show another history than the one that is pushed.
    GIT_NO_REPLACE_OBJECTS: "1",
    GIT_OPTIONAL_LOCKS: "0",
    // Files of Git LFS are fetched where a rig wants them, all at once and with its credential.
    GIT_LFS_SKIP_SMUDGE: "1",
  };
}

/**
 * A git that lists worktrees dies when another one is taken away under it (an agent may do so at any
 * time, too). It does so before it changes anything.
 */
const LISTING_RACE = /failed to read \S+\/worktrees\/[^/]+\/commondir/;
const LISTING_TRIES = 5;

/** How often a read of a remote is tried where the connection fails; one that took its whole time is not again. */
const READ_TRIES = 3;

function isPassing(call: GitCall, result: GitResult): boolean {
  return call.remote?.purpose === "fetch" && result.ended === "exit" && remoteProblem(result) === "network";
}

/** Makes the `git()` of one workspace. It never throws for git's own failures: read `ok`. */
export function createGit(options: GitOptions): Git {
  const base = baseEnv(options);
  const home = join(options.root, "home");
  const hostSettings = Number(options.gitEnv["GIT_CONFIG_COUNT"] ?? "0");
  const run = async (call: GitCall): Promise<GitResult> => {
    const access = call.remote === undefined ? undefined : options.access?.(call.remote, hostSettings);
    try {
      return await runOnce(call, access);
    } finally {
      access?.release();
    }
  };
  const runOnce = async (call: GitCall, access: GrantedAccess | undefined): Promise<GitResult> => {
    const result = await options.runChild({
      command: "git",
      args: call.args,
      cwd: "nowhere" in call.at ? home : (call.at.worktree ?? call.at.gitDir),
      env: {
        ...base,
        ...repositoryEnv(call.at, options.root),
        ...configEnv(options.gitEnv, [...FIXED_CONFIG, ...(call.config ?? []), ...(access?.config ?? [])]),
        ...identityEnv(call.identity),
        ...call.env,
        ...access?.env,
      },
      input: call.input,
      timeoutMs: call.timeoutMs ?? LOCAL_DEADLINE_MS,
      signal: call.signal,
      stdout: { keep: "whole", bytes: call.stdoutBytes ?? MAX_STDOUT },
      stderr: { keep: "tail", bytes: MAX_STDERR },
      reapGroup: false,
    });
    return { ...result, ok: result.ended === "exit" && result.code === 0 };
  };
  return async (call) => {
    let result = await run(call);
    for (let tries = 1; !result.ok && LISTING_RACE.test(result.stderr) && tries < LISTING_TRIES; tries += 1)
      result = await run(call);
    // Reading changes nothing, so it is asked again before anybody is told that the remote is away.
    for (let tries = 1; !result.ok && isPassing(call, result) && tries < READ_TRIES; tries += 1)
      result = await run(call);
    return result;
  };
}
