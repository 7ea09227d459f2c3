/** What a forge asks of its bare repositories. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { git, tryGit } from "./git.ts";
import { listHeads } from "./refs.ts";

/** A push to a branch that is listed in `protected-branches` is refused, as GitHub words it. */
const UPDATE_HOOK = `#!/bin/sh
if grep -qxF "\${1#refs/heads/}" "$GIT_DIR/protected-branches" 2>/dev/null; then
  echo "error: GH006: Protected branch update failed for $1." >&2
  exit 1
fi
`;

export async function createBare(dir: string, defaultBranch: string): Promise<void> {
  await mkdir(dir, { recursive: true });
  await git(dir, ["init", "--bare", "--quiet", `--initial-branch=${defaultBranch}`]);
  await git(dir, ["config", "http.receivepack", "true"]);
  await git(dir, ["config", "uploadpack.allowAnySHA1InWant", "true"]);
  await mkdir(join(dir, "hooks"), { recursive: true });
  await writeFile(join(dir, "hooks", "update"), UPDATE_HOOK, { mode: 0o755 });
}

export const refusePushes = (dir: string, branches: readonly string[]): Promise<void> =>
  writeFile(join(dir, "protected-branches"), branches.map((branch) => `${branch}\n`).join(""));

const COMMIT = /^[0-9a-f]{40}$/;
const existing = new Set<string>();

/** The commit of a branch or an id; null: there is none. */
export async function resolveCommit(dir: string, ref: string): Promise<string | null> {
  const head = (await listHeads(dir)).get(ref);
  if (head !== undefined) return head;
  if (existing.has(`${dir} ${ref}`)) return ref;
  const found = await tryGit(dir, [
    "rev-parse",
    "--verify",
    "--quiet",
    "--end-of-options",
    `${ref}^{commit}`,
  ]);
  if (found.code !== 0) return null;
  const commit = found.stdout.trim();
  if (COMMIT.test(ref) && commit === ref) existing.add(`${dir} ${ref}`);
  return commit;
}

const COMMITS = /^[0-9a-f]{40} [0-9a-f]{40}$/;

/** Remembers what can never change: an answer about two commits that are named by their ids. */
function remembered<T>(
  ask: (dir: string, a: string, b: string) => Promise<T>,
): (dir: string, a: string, b: string) => Promise<T> {
  const known = new Map<string, T>();
  return async (dir, a, b) => {
    const key = `${dir} ${a} ${b}`;
    const found = known.get(key);
    if (found !== undefined) return found;
    const answer = await ask(dir, a, b);
    if (COMMITS.test(`${a} ${b}`)) known.set(key, answer);
    return answer;
  };
}

/** Whether `commit` is in the history of `of`. */
export const containsCommit: (dir: string, of: string, commit: string) => Promise<boolean> = remembered(
  async (dir, of, commit) => (await tryGit(dir, ["merge-base", "--is-ancestor", commit, of])).code === 0,
);

/** The best common ancestor; null: none, or one of them is no commit. */
export const mergeBase: (dir: string, a: string, b: string) => Promise<string | null> = remembered(
  async (dir, a, b) => {
    const found = await tryGit(dir, ["merge-base", a, b]);
    return found.code === 0 ? found.stdout.trim() : null;
  },
);

/** The tree that a merge of both would have; null: they conflict. */
async function mergedTree(dir: string, base: string, head: string): Promise<string | null> {
  const merged = await tryGit(dir, ["merge-tree", "--write-tree", base, head]);
  return merged.code === 0 ? (merged.stdout.split("\n")[0] ?? null) : null;
}

export const mergesCleanly: (dir: string, base: string, head: string) => Promise<boolean> = remembered(
  async (dir, base, head) => (await mergedTree(dir, base, head)) !== null,
);

const commitTree = (
  dir: string,
  tree: string,
  parents: readonly string[],
  message: string,
): Promise<string> =>
  git(dir, ["commit-tree", tree, ...parents.flatMap((parent) => ["-p", parent]), "-F", "-"], {
    input: message,
  });

async function rebased(dir: string, base: string, head: string): Promise<string | null> {
  const tree = await mkdtemp(join(dir, "rebase-"));
  try {
    await git(dir, ["worktree", "add", "--quiet", "--detach", "--force", tree, head]);
    return (await tryGit(tree, ["rebase", "--quiet", "--force-rebase", base])).code === 0
      ? await git(tree, ["rev-parse", "HEAD"])
      : null;
  } finally {
    await rm(tree, { recursive: true, force: true });
    await tryGit(dir, ["worktree", "prune"]);
  }
}

export interface MergeInput {
  readonly branch: string;
  readonly head: string;
  readonly method: "merge" | "squash" | "rebase";
  readonly message: string;
}

/** Merges into a branch and moves it, past the hook; null: a conflict, or the branch moved meanwhile. */
export async function mergeInto(dir: string, input: MergeInput): Promise<string | null> {
  const base = await resolveCommit(dir, input.branch);
  if (base === null) return null;
  let commit: string | null;
  if (input.method === "rebase") commit = await rebased(dir, base, input.head);
  else {
    const tree = await mergedTree(dir, base, input.head);
    const parents = input.method === "merge" ? [base, input.head] : [base];
    commit = tree === null ? null : await commitTree(dir, tree, parents, input.message);
  }
  if (commit === null) return null;
  const moved = await tryGit(dir, ["update-ref", `refs/heads/${input.branch}`, commit, base]);
  return moved.code === 0 ? commit : null;
}

export interface Changes {
  /** Null takes the file away. */
  readonly files: Readonly<Record<string, string | null>>;
  readonly message: string;
  /** Where the branch begins if there is none yet; nothing: an empty history. */
  readonly from?: string;
}

const data = (text: string): string => `data ${Buffer.byteLength(text)}\n${text}\n`;

/** A commit on top of a branch, as a push by somebody else would bring it. */
export async function commitFiles(dir: string, branch: string, changes: Changes): Promise<string> {
  const parent =
    (await resolveCommit(dir, branch)) ??
    (changes.from === undefined ? null : await resolveCommit(dir, changes.from));
  const files = Object.entries(changes.files).map(([path, content]) =>
    content === null
      ? `D ${JSON.stringify(path)}\n`
      : `M 100644 inline ${JSON.stringify(path)}\n${data(content)}`,
  );
  const when = Math.floor(Date.now() / 1000);
  const input = [
    `commit refs/heads/${branch}\n`,
    `committer Forge Simulator <simulator@forge.invalid> ${when} +0000\n`,
    data(changes.message),
    parent === null ? "" : `from ${parent}\n`,
    ...files,
  ].join("");
  await git(dir, ["fast-import", "--quiet"], { input });
  const commit = await resolveCommit(dir, branch);
  if (commit === null) throw new Error(`no commit was made on ${branch}`);
  return commit;
}

export interface FileChange {
  readonly path: string;
  /** The hunks, from the first `@@` on. */
  readonly patch: string;
}

/** What a branch changes since it left its target. */
export async function changedFiles(dir: string, base: string, head: string): Promise<FileChange[]> {
  const range = `${base}...${head}`;
  const names = await git(dir, ["diff", "--name-only", "-z", "--no-renames", range]);
  return Promise.all(
    names
      .split("\0")
      .filter((path) => path !== "")
      .map(async (path) => {
        const diff = await git(dir, ["diff", "--no-renames", range, "--", path]);
        return { path, patch: diff.slice(Math.max(0, diff.indexOf("@@"))) };
      }),
  );
}

/** What is at a path: a file's text, or that it is a folder. */
export async function readPath(
  dir: string,
  commit: string,
  path: string,
): Promise<{ kind: "file"; text: string } | { kind: "folder" } | null> {
  const type = await tryGit(dir, ["cat-file", "-t", `${commit}:${path}`]);
  if (type.code !== 0) return null;
  if (type.stdout.trim() !== "blob") return { kind: "folder" };
  return { kind: "file", text: (await tryGit(dir, ["cat-file", "blob", `${commit}:${path}`])).stdout };
}

export const parentsOf = async (dir: string, commit: string): Promise<string[]> =>
  (await git(dir, ["rev-list", "--parents", "-n", "1", commit])).split(" ").slice(1);
