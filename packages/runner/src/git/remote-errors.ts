/** What git's words about a remote mean. The only place that reads them (git has no codes for this). */
import { GitFailure } from "./failure.ts";
import type { GitResult } from "./git.ts";
import { redactUrls } from "./urls.ts";

export type RemoteProblem = "auth" | "not_found" | "network" | "missing_ref" | "disk" | "other";

const PATTERNS: readonly (readonly [RemoteProblem, RegExp])[] = [
  // Our own helper's: what git says after it reads like a wrong password.
  ["network", /^gastown: no credential can be had at the moment/m],
  [
    "auth",
    /Authentication failed|could not read (?:Username|Password)|terminal prompts disabled|Permission denied|returned error: 40[13]|[Aa]ccess denied|Permission to \S+ denied|Host key verification failed|invalid credentials|credential helper .* told us to quit/,
  ],
  ["missing_ref", /couldn't find remote ref|not our ref/],
  ["disk", /No space left on device|Disk quota exceeded|Read-only file system/],
  [
    "network",
    /Could not resolve host|Connection (?:refused|reset|timed out|closed)|Empty reply from server|(?:Recv|Send) failure|transfer closed|Failed to connect|Operation (?:timed out|too slow)|[Nn]etwork is unreachable|No route to host|early EOF|RPC failed|hung up unexpectedly|unexpected disconnect|returned error: (?:429|5\d\d)|SSL_|unpacker error/,
  ],
  [
    "not_found",
    /not found|does not appear to be a git repository|does not exist|returned error: 404|No such file or directory/,
  ],
];

/** Reads the stderr of a failed call that talked to a remote. A call that ran out of time is `network`. */
export function remoteProblem(result: GitResult): RemoteProblem {
  if (result.ended === "timeout") return "network";
  return PATTERNS.find(([, pattern]) => pattern.test(result.stderr))?.[0] ?? "other";
}

const NOISE = /^(?:hint:|warning:|Please make sure|and the repository exists|\s*$)/;

/** The last lines of what git said, without hints and without credentials; never empty. */
export function gitWords(result: GitResult, lines = 20): string {
  if (result.ended === "timeout") return "git did not finish in time";
  if (result.ended === "overflow") return "git said more than can be kept";
  const said = result.stderr.split("\n").filter((line) => !NOISE.test(line));
  return redactUrls(said.slice(-lines).join("\n")).trim() || `git ended with ${result.code ?? "no"} status`;
}

const ADVICE = {
  auth: [
    "auth",
    "refused the credentials",
    "Give this host's git (or this rig) a credential that may read and write the repository.",
  ],
  not_found: [
    "unreachable",
    "was not found",
    "Check the url. A private repository is also called not found when the credential cannot see it.",
  ],
  network: ["network", "could not be reached", "Check the network and the host."],
  missing_ref: ["git_failed", "lacks a ref", "Check that the branch still exists."],
  disk: ["disk", "could not be stored", "Free space in the data directory."],
  other: ["git_failed", "could not be read", "Try the same url with git by hand; its message is above."],
} as const;

/** The failure of a call to `url`, for callers that cannot go on. */
export function remoteFailure(url: string, result: GitResult): GitFailure {
  const [code, what, action] = ADVICE[remoteProblem(result)];
  return new GitFailure({
    phase: "repository",
    code,
    message: `${redactUrls(url)} ${what}: ${gitWords(result)}`,
    action,
  });
}
