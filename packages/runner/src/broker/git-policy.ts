import { ALLOWED, refuse, SHOWS_NO_TOKEN } from "./policy.ts";
import type { Verdict } from "./policy.ts";

/** git's own options before its command; these take a value of their own. */
const GLOBAL_VALUES = new Set([
  "-C",
  "-c",
  "--git-dir",
  "--work-tree",
  "--namespace",
  "--super-prefix",
  "--config-env",
  "--attr-source",
]);

export interface GitCommand {
  /** What stood before the command. */
  readonly globals: readonly string[];
  readonly name: string;
  readonly args: readonly string[];
}

export function parseGit(argv: readonly string[]): GitCommand {
  let at = 0;
  while (at < argv.length && (argv[at] ?? "").startsWith("-"))
    at += GLOBAL_VALUES.has(argv[at] ?? "") ? 2 : 1;
  return { globals: argv.slice(0, at), name: argv[at] ?? "", args: argv.slice(at + 1) };
}

/** Options of `git push` that change nothing about what is pushed. */
const PLAIN_LONG =
  /^--(set-upstream|verbose|quiet|progress|no-progress|dry-run|porcelain|no-verify|atomic|ipv4|ipv6|thin|no-thin|no-force-with-lease|no-follow-tags|no-tags|no-signed)$/;
const PLAIN_SHORT = /^-[uvqn46]+$/;

export interface PushPlace {
  /** The session's own branch; null: none. */
  readonly branch: string | null;
  /** The branch that is checked out; null: a detached head. */
  readonly current: string | null;
  /** Names and urls that mean the rig's remote. */
  readonly remotes: readonly string[];
}

const how = (branch: string): string => `git push origin HEAD:refs/heads/${branch}`;

/** A push of the session's own branch to the rig's remote, forward only: anything else is refused. */
export function judgePush(args: readonly string[], place: PushPlace): Verdict {
  const { branch } = place;
  if (branch === null)
    return refuse(
      "This session has no branch of its own, so nothing is pushed from here. Changes are made by beads.",
    );
  const options = args.filter((arg) => arg.startsWith("-") && arg !== "--");
  const odd = options.find((option) => !PLAIN_LONG.test(option) && !PLAIN_SHORT.test(option));
  if (odd !== undefined) return refuse(whyNot(odd, branch));
  const [remote, ...refspecs] = args.filter((arg) => !arg.startsWith("-"));
  if (remote === undefined || refspecs.length === 0)
    return refuse(`Say what to push: ${how(branch)}. You need not push at all: gt_done does it.`);
  if (!place.remotes.includes(remote))
    return refuse(`Only the rig's own remote is pushed to: ${how(branch)}.`);
  const wrong = refspecs.find((refspec) => !isOwn(refspec, place));
  if (wrong === undefined) return ALLOWED;
  if (wrong.startsWith("+")) return refuse(whyNot("--force", branch));
  return refuse(`This session pushes its own branch only, not "${wrong}": ${how(branch)}.`);
}

function whyNot(option: string, branch: string): string {
  if (/^(-[a-z]*f|--force|--mirror)/.test(option))
    return `Nothing is pushed by force. Commit on top of what the remote has (merge it where it moved), then ${how(branch)}.`;
  if (/^(-[a-z]*d|--delete|--prune)/.test(option))
    return "The town deletes branches when their work has landed.";
  if (/^(-o|--push-option)/.test(option))
    return "Push options are the town's: it opens and merges pull requests itself.";
  return `"git push ${option}" is not open here: ${how(branch)}.`;
}

function isOwn(refspec: string, { branch, current }: PushPlace): boolean {
  if (refspec.startsWith("+") || refspec === "tag") return false;
  const cut = refspec.indexOf(":");
  const from = cut === -1 ? refspec : refspec.slice(0, cut);
  const plain = from === "HEAD" || from === "@" ? current : from;
  // An empty left side would delete the branch.
  const to = cut === -1 ? plain : from === "" ? null : refspec.slice(cut + 1);
  return to !== null && [branch, `heads/${branch}`, `refs/heads/${branch}`].includes(to);
}

/** Commands that would print a credential, or carry one past the rules of `push`. */
export function judgeCommand(name: string): Verdict {
  if (/^credential(-|$)/.test(name)) return refuse(SHOWS_NO_TOKEN);
  if (/^(send-pack|http-push|remote-(http|https|ftp|ftps|ext|fd)|receive-pack)$/.test(name))
    return refuse("Use git push for the session's branch, or gt_done.");
  return ALLOWED;
}
