// cspell:ignore NOSYSTEM
import { execFile } from "node:child_process";
import { GastownError } from "@gastown/protocol";

/** Settings of the person must not decide what the demo does: signing, hooks, editors. */
const ISOLATED = {
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_TERMINAL_PROMPT: "0",
  GIT_OPTIONAL_LOCKS: "0",
};

export interface GitOptions {
  readonly cwd?: string;
  /** With the person's own configuration and credentials: for what is theirs. */
  readonly own?: boolean;
  readonly signal?: AbortSignal;
  readonly env?: Readonly<Record<string, string>>;
}

/** Output of one git command. Throws `repository_unusable` with git's own words. */
export function git(args: readonly string[], options: GitOptions = {}): Promise<string> {
  const env = {
    ...process.env,
    ...(options.own === true ? { GIT_TERMINAL_PROMPT: "0" } : ISOLATED),
    ...options.env,
  };
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const settings = {
    env,
    maxBuffer: 32 * 1024 * 1024,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  };
  execFile("git", [...args], settings, (error, stdout, stderr) => {
    if (error === null) resolve(stdout.trimEnd());
    else
      reject(
        new GastownError(
          "repository_unusable",
          `git ${args[0]} failed: ${lastLines(stderr || error.message)}`,
        ),
      );
  });
  return promise;
}

function lastLines(text: string): string {
  return text.trim().split("\n").slice(-3).join(" ").trim();
}
