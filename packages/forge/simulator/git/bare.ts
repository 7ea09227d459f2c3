/** What a forge asks of its bare repositories. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { git, tryGit } from "./git.ts";

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

/** Every branch and its head. */
export async function listHeads(dir: string): Promise<Map<string, string>> {
  const out = await git(dir, ["for-each-ref", "--format=%(objectname) %(refname:lstrip=2)", "refs/heads"]);
  return new Map(
    out.split("\n").flatMap((row): [string, string][] => {
      const at = row.indexOf(" ");
      return at < 0 ? [] : [[row.slice(at + 1), row.slice(0, at)]];
    }),
  );
}

/** The commit of a branch or an id; null: there is none. */
export async function resolveCommit(dir: string, ref: string): Promise<string | null> {
  for (const name of [`refs/heads/${ref}`, ref]) {
    const found = await tryGit(dir, [
      "rev-parse",
      "--verify",
      "--quiet",
      "--end-of-options",
      `${name}^{commit}`,
    ]);
    if (found.code === 0) return found.stdout.trim();
  }
  return null;
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
export async function mergeBase(dir: string, a: string, b: string): Promise<string | null> {
  const found = await tryGit(dir, ["merge-base", a, b]);
  return found.code === 0 ? found.stdout.trim() : null;
}

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

/** A commit on top of a branch, as a push by somebody else would bring it. */
export async function commitFiles(dir: string, branch: string, changes: Changes): Promise<string> {
  const parent =
    (await resolveCommit(dir, branch)) ??
    (changes.from === undefined ? null : await resolveCommit(dir, changes.from));
  const temp = await mkdtemp(join(dir, "index-"));
  const env = { GIT_INDEX_FILE: join(temp, "index") };
  try {
    if (parent !== null) await git(dir, ["read-tree", parent], { env });
    for (const [path, content] of Object.entries(changes.files)) {
      if (content === null) await git(dir, ["update-index", "--force-remove", path], { env });
      else {
        const blob = await git(dir, ["hash-object", "-w", "--stdin"], { input: content });
        await git(dir, ["update-index", "--add", "--cacheinfo", `100644,${blob},${path}`], { env });
      }
    }
    const tree = await git(dir, ["write-tree"], { env });
    const commit = await commitTree(dir, tree, parent === null ? [] : [parent], changes.message);
    await git(dir, ["update-ref", `refs/heads/${branch}`, commit]);
    return commit;
  } finally {
    await rm(temp, { recursive: true, force: true });
  }
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
