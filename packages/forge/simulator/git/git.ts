/** Runs git for the simulator. Nothing of the user's configuration takes part. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";

export interface GitResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface GitOptions {
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
}

const identity = {
  GIT_AUTHOR_NAME: "Forge Simulator",
  GIT_AUTHOR_EMAIL: "simulator@forge.invalid",
  GIT_COMMITTER_NAME: "Forge Simulator",
  GIT_COMMITTER_EMAIL: "simulator@forge.invalid",
};

export const gitEnvironment = (more: Readonly<Record<string, string>> = {}): Record<string, string> => ({
  PATH: process.env["PATH"] ?? "",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_CONFIG_GLOBAL: "/dev/null",
  HOME: "/nonexistent",
  LC_ALL: "C",
  ...identity,
  ...more,
});

export async function tryGit(
  dir: string,
  args: readonly string[],
  options: GitOptions = {},
): Promise<GitResult> {
  const child = spawn("git", ["-C", dir, ...args], { env: gitEnvironment(options.env), stdio: "pipe" });
  const ended = once(child, "close").then(([code]: unknown[]) => (typeof code === "number" ? code : -1));
  child.stdin.on("error", () => {});
  child.stdin.end(options.input ?? "");
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { code, stdout, stderr };
}

/** Its trimmed output; throws where git fails. */
export async function git(dir: string, args: readonly string[], options: GitOptions = {}): Promise<string> {
  const result = await tryGit(dir, args, options);
  if (result.code !== 0) throw new Error(`git ${args.join(" ")}: ${result.stderr || result.stdout}`);
  return result.stdout.trim();
}
