import { run } from "./shell.ts";

async function git(cwd: string, args: readonly string[], signal: AbortSignal): Promise<string> {
  const { code, output } = await run("git", args, cwd, signal);
  if (code !== 0) throw new Error(`git ${args[0] ?? ""} failed: ${output.trim()}`);
  return output;
}

/** Commits everything; answers false when there was nothing to commit. */
export async function commitAll(cwd: string, message: string, signal: AbortSignal): Promise<boolean> {
  await git(cwd, ["add", "-A"], signal);
  const { code } = await run("git", ["diff", "--cached", "--quiet"], cwd, signal);
  if (code === 0) return false;
  await git(cwd, ["commit", "--quiet", "-m", message], signal);
  return true;
}

/**
 * Merges what the remote has under `branch` and keeps the lines of both sides. What a union of
 * lines cannot join (one side deleted the file, say) stays as the merge left it.
 */
export async function mergeBoth(cwd: string, branch: string, signal: AbortSignal): Promise<void> {
  await git(
    cwd,
    ["fetch", "--quiet", "origin", `+refs/heads/${branch}:refs/remotes/origin/${branch}`],
    signal,
  );
  const merge = [
    "-c",
    "merge.default=union",
    "merge",
    "--quiet",
    "--no-edit",
    `refs/remotes/origin/${branch}`,
  ];
  const { code } = await run("git", merge, cwd, signal);
  if (code === 0) return;
  await git(cwd, ["add", "-A"], signal);
  await git(cwd, ["commit", "--quiet", "--no-edit"], signal);
}
