/** Making the commit that a merge would push, without pushing it (spec/review.md §3). */
import type { MergeRequestBody } from "@gastown/protocol";
import type { GitContext } from "./context.ts";
import type { GitResult } from "./git.ts";
import { gitWords } from "./remote-errors.ts";
import { withScratch } from "./scratch.ts";
import { HEAD_TRAILER, mergeMessage, withTrailer } from "./trailers.ts";
import { inWorktree } from "./worktrees.ts";
import type { Worktree } from "./worktrees.ts";

export type Built =
  | { readonly kind: "commit"; readonly commit: string }
  | { readonly kind: "conflict"; readonly files: string[] }
  | { readonly kind: "error"; readonly message: string };

export interface Building {
  readonly context: GitContext;
  readonly mirror: string;
  readonly request: MergeRequestBody;
  /** The target's remote head. */
  readonly onto: string;
  readonly signal: AbortSignal;
}

const MAX_FILES = 500;

function error(result: GitResult): Built {
  return { kind: "error", message: gitWords(result) };
}

/** `merge-tree -z --name-only --no-messages`: the tree, then the files with conflicts. Pure. */
export function parseMergeTree(output: string): { tree: string; files: string[] } {
  const [tree, ...files] = output.split("\0").map((part) => part.trim());
  return { tree: tree ?? "", files: [...new Set(files.filter((file) => file !== ""))].slice(0, MAX_FILES) };
}

async function commitTree(
  b: Building,
  tree: string,
  parents: readonly string[],
  message: string,
): Promise<Built> {
  const result = await b.context.git({
    at: { gitDir: b.mirror },
    args: ["commit-tree", tree, ...parents.flatMap((parent) => ["-p", parent])],
    input: message,
    identity: b.request.author,
    signal: b.signal,
  });
  return result.ok ? { kind: "commit", commit: result.stdout.trim() } : error(result);
}

/** Merge and squash need no worktree: the trees are merged in the mirror. */
async function buildMerge(b: Building): Promise<Built> {
  const { reviewed_sha: reviewed, method } = b.request;
  const args = ["merge-tree", "--write-tree", "-z", "--name-only", "--no-messages", b.onto, reviewed];
  const merged = await b.context.git({ at: { gitDir: b.mirror }, args, signal: b.signal });
  if (merged.ended !== "exit" || (merged.code !== 0 && merged.code !== 1)) return error(merged);
  const { tree, files } = parseMergeTree(merged.stdout);
  if (merged.code === 1) return { kind: "conflict", files };
  const message = mergeMessage(b.request.message);
  if (method === "merge") return commitTree(b, tree, [b.onto, reviewed], message);
  return commitTree(b, tree, [b.onto], withTrailer(message, HEAD_TRAILER, reviewed));
}

/** The commit again, with the trailer: same tree, parents, author and date. */
async function withHeadTrailer(b: Building, tree: Worktree, commit: string): Promise<Built> {
  const at = { gitDir: b.mirror };
  const shown = await b.context.git({
    at,
    args: ["log", "-1", "--format=%T%n%P%n%an%n%ae%n%ad%n%B", "--date=raw", commit],
    signal: b.signal,
  });
  const [treeId, parents, name, email, date, ...body] = shown.stdout.split("\n");
  if (!shown.ok || treeId === undefined || parents === undefined) return error(shown);
  const made = await b.context.git({
    at: inWorktree(tree),
    args: [
      "commit-tree",
      treeId,
      ...parents
        .split(" ")
        .filter((id) => id !== "")
        .flatMap((id) => ["-p", id]),
    ],
    input: withTrailer(body.join("\n"), HEAD_TRAILER, b.request.reviewed_sha),
    env: {
      ...committerOnly(b),
      GIT_AUTHOR_NAME: name ?? "",
      GIT_AUTHOR_EMAIL: email ?? "",
      GIT_AUTHOR_DATE: date ?? "",
    },
    signal: b.signal,
  });
  return made.ok ? { kind: "commit", commit: made.stdout.trim() } : error(made);
}

async function conflictFiles(b: Building, tree: Worktree, failed: GitResult): Promise<Built> {
  const args = ["diff", "--name-only", "--diff-filter=U", "-z"];
  const result = await b.context.git({ at: inWorktree(tree), args, signal: b.signal });
  const files = result.stdout.split("\0").filter((file) => file !== "");
  return files.length > 0 ? { kind: "conflict", files: files.slice(0, MAX_FILES) } : error(failed);
}

/** The runner commits what a rebase replays; who wrote it stays. */
function committerOnly(b: Building): Record<string, string> {
  return { GIT_COMMITTER_NAME: b.request.author.name, GIT_COMMITTER_EMAIL: b.request.author.email };
}

/** A rebase replays commits, which this git does only in a worktree. */
async function buildRebase(b: Building): Promise<Built> {
  const reviewed = b.request.reviewed_sha;
  return withScratch(b.context, b.mirror, reviewed, b.signal, async (tree) => {
    const at = inWorktree(tree);
    const args = [
      "rebase",
      "--quiet",
      "--no-verify",
      "--no-stat",
      "--no-rerere-autoupdate",
      "--empty=drop",
      b.onto,
    ];
    const rebased = await b.context.git({ at, args, env: committerOnly(b), signal: b.signal });
    if (!rebased.ok) return conflictFiles(b, tree, rebased);
    const head = await b.context.git({ at, args: ["rev-parse", "HEAD", "HEAD^{tree}"], signal: b.signal });
    const [commit, treeId] = head.stdout.split("\n");
    if (!head.ok || commit === undefined || treeId === undefined) return error(head);
    // Nothing had to be replayed: the reviewed commit itself goes in, and is its own proof.
    if (commit === reviewed) return { kind: "commit", commit };
    if (commit !== b.onto) return withHeadTrailer(b, tree, commit);
    // All of it is in the target already, by other commits: an empty one says so.
    const message = withTrailer(mergeMessage(b.request.message), HEAD_TRAILER, reviewed);
    return commitTree(b, treeId, [b.onto], message);
  });
}

/** A merge, squash or rebase of the reviewed head onto the target's head. Pushes nothing. */
export function buildCommit(b: Building): Promise<Built> {
  return b.request.method === "rebase" ? buildRebase(b) : buildMerge(b);
}
