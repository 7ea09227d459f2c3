/** Which git the runner can work with. */
import { runChild } from "./child.ts";

/** `git merge-tree --write-tree` is what merges without a worktree, and came with 2.38. */
const REQUIRED_GIT: readonly [number, number] = [2, 38];

export interface GitVersion {
  readonly ok: boolean;
  /** As git says it; null when there is no git. */
  readonly version: string | null;
  /** A sentence that says what to do when `ok` is false. */
  readonly message: string;
}

/** Reads `git --version` text. Pure. */
export function judgeGitVersion(output: string | null): GitVersion {
  const found = output === null ? null : /(\d+)\.(\d+)(?:\.\d+)*/.exec(output);
  const required = REQUIRED_GIT.join(".");
  if (found === null)
    return {
      ok: false,
      version: null,
      message: `git was not found on PATH. Install git ${required} or newer.`,
    };
  const [major, minor] = [Number(found[1]), Number(found[2])];
  const ok = major > REQUIRED_GIT[0] || (major === REQUIRED_GIT[0] && minor >= REQUIRED_GIT[1]);
  const message = ok ? `git ${found[0]}` : `git ${found[0]} is too old. Install git ${required} or newer.`;
  return { ok, version: found[0], message };
}

/** Asks the git on PATH for its version (spec/runner.md §5). Never throws. */
export async function checkGit(path = process.env["PATH"]): Promise<GitVersion> {
  const result = await runChild({
    command: "git",
    args: ["--version"],
    cwd: "/",
    env: { PATH: path ?? "/usr/local/bin:/usr/bin:/bin", LC_ALL: "C" },
    timeoutMs: 10_000,
    signal: new AbortController().signal,
    stdout: { keep: "whole", bytes: 4_096 },
    stderr: { keep: "tail", bytes: 4_096 },
    reapGroup: true,
  });
  return judgeGitVersion(result.ended === "exit" && result.code === 0 ? result.stdout : null);
}
