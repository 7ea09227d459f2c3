/** Is a repository usable, and a first clone of it (spec/runner.md §1: `/repos/check`, `/repos/setup`). */
import type { EffectOutcome, RepoCheckAnswer, RigRef } from "@gastown/protocol";
import type { GitContext } from "./context.ts";
import { asGitFailure } from "./failure.ts";
import type { GitFailure } from "./failure.ts";
import { readFormulas } from "./formulas.ts";
import { NOWHERE } from "./git.ts";
import { branchRef } from "./refs.ts";
import { remoteFailure } from "./remote-errors.ts";
import { parseLsRemote } from "./remotes.ts";
import { parseRemoteUrl, redactUrls } from "./urls.ts";

type RigBroken = Extract<EffectOutcome, { outcome: "rig_broken" }>;
type Problem = NonNullable<RepoCheckAnswer["problem"]>;

const CHECK_DEADLINE_MS = 30_000;

function unusable(problem: Problem, message: string, action: string): RepoCheckAnswer {
  return { ok: false, problem, message, action, default_branch: null, head_sha: null };
}

function problemOf(failure: GitFailure): RigBroken["problem"] {
  const code = failure.failure.code;
  return code === "auth" || code === "not_allowed" || code === "empty" || code === "disk"
    ? code
    : "unreachable";
}

/** Reads what a remote listed, for the wanted branch or else its default one. Pure. */
function judgeHeads(output: string, branch: string | undefined): RepoCheckAnswer {
  const { heads, headBranch } = parseLsRemote(output);
  const branches = [...heads.keys()].filter((ref) => ref.startsWith("refs/heads/"));
  if (branches.length === 0) {
    return unusable(
      "empty",
      "The repository has no commit yet.",
      "Push a first commit to it, then try again.",
    );
  }
  const wanted =
    branch ?? headBranch ?? (branches.length === 1 ? branches[0]?.slice("refs/heads/".length) : undefined);
  const head = wanted === undefined ? undefined : heads.get(branchRef(wanted));
  if (wanted === undefined || head === undefined) {
    const what = wanted === undefined ? "no default branch" : `no branch ${wanted}`;
    const some = branches.slice(0, 5).map((ref) => ref.slice("refs/heads/".length));
    return unusable(
      "missing_branch",
      `The repository has ${what}.`,
      `Name one of its branches, for example ${some.join(", ")}.`,
    );
  }
  return {
    ok: true,
    problem: null,
    message: "The repository can be used.",
    action: "",
    default_branch: wanted,
    head_sha: head,
  };
}

/** See `GitWorkspace.check`. */
export async function check(
  context: GitContext,
  allowLocal: boolean,
  url: string,
  branch: string | undefined,
  signal: AbortSignal,
  rigId: string | null = null,
): Promise<RepoCheckAnswer> {
  const parsed = parseRemoteUrl(url, allowLocal);
  if ("refused" in parsed) {
    return unusable(
      "not_allowed",
      `The url ${parsed.refused}.`,
      "Use an https or ssh url without credentials.",
    );
  }
  const args = ["ls-remote", "--quiet", "--symref", "--", parsed.url, "HEAD", "refs/heads/*"];
  const remote = { url: parsed.url, rigId, purpose: "fetch" } as const;
  const result = await context.git({ at: NOWHERE, args, timeoutMs: CHECK_DEADLINE_MS, signal, remote });
  if (result.ok) return judgeHeads(result.stdout, branch);
  const failure = remoteFailure(parsed.url, result);
  const problem = problemOf(failure);
  return unusable(problem === "disk" ? "unreachable" : problem, failure.message, failure.failure.action);
}

function broken(answer: RepoCheckAnswer): RigBroken {
  const { problem, message, action } = answer;
  return { outcome: "rig_broken", problem: problem ?? "unreachable", message, action };
}

/** Keeps a mirror that lives for months quick. Prunes nothing: its loose commits may be somebody's work. */
async function tidy(context: GitContext, mirror: string, signal: AbortSignal): Promise<void> {
  const config = [
    ["gc.auto", "6700"],
    ["gc.autoDetach", "false"],
    ["gc.pruneExpire", "never"],
    ["gc.reflogExpire", "never"],
    ["gc.reflogExpireUnreachable", "never"],
    ["gc.worktreePruneExpire", "never"],
  ] as const;
  const result = await context.git({
    at: { gitDir: mirror },
    args: ["gc", "--auto", "--quiet"],
    config,
    timeoutMs: 1_800_000,
    signal,
  });
  if (!result.ok) context.log("git_tidy_failed", { mirror, stderr: redactUrls(result.stderr) });
}

/** See `GitWorkspace.setupRig`. */
export async function setupRig(
  context: GitContext,
  allowLocal: boolean,
  rig: RigRef,
  signal: AbortSignal,
): Promise<EffectOutcome> {
  // A rig for which nobody named a branch asks for HEAD, which no branch can be called.
  const wanted = rig.default_branch === "HEAD" ? undefined : rig.default_branch;
  const answer = await check(context, allowLocal, rig.git_url, wanted, signal, rig.id);
  const { default_branch: branch, head_sha: head } = answer;
  if (!answer.ok || branch === null || head === null) return broken(answer);
  try {
    const of = await context.mirrors.of(rig);
    const ref = branchRef(branch);
    const fetched = (await context.remotes.fetch(of, ["*", ref], signal)).get(ref);
    await tidy(context, of.mirror, signal);
    const formulas = await readFormulas(context, of.mirror, fetched ?? head, signal);
    return { outcome: "rig_ready", default_branch: branch, head_sha: fetched ?? head, ...formulas };
  } catch (error) {
    const failure = asGitFailure(error);
    if (failure === null) throw error;
    const { message, action } = failure.failure;
    return { outcome: "rig_broken", problem: problemOf(failure), message, action };
  }
}
