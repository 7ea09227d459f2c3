/**
 * A worktree as two directories: the one that the agent works in, and git's administrative one inside
 * the mirror. Calls name both, so nothing that an agent writes into its `.git` file redirects us.
 */
import { randomUUID } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { z } from "zod";
import type { Repository } from "./git.ts";
import { isCommitId } from "./refs.ts";

export interface Worktree {
  readonly dir: string;
  /** `<mirror>/worktrees/<name>`. */
  readonly admin: string;
}

export function inWorktree(tree: Worktree): Repository {
  return { gitDir: tree.admin, worktree: tree.dir };
}

/**
 * The directory above a worktree names it: an agent's id, or a random one for a scratch worktree. So
 * its administrative directory is known without asking, also where `.git` was lost.
 */
function adminOf(mirror: string, dir: string): string {
  return join(mirror, "worktrees", basename(dirname(dir)));
}

/** Where administrative directories are made and taken apart: git never lists this one. */
function workshop(mirror: string): string {
  return join(mirror, "worktrees.new");
}

async function readText(path: string): Promise<string | null> {
  return readFile(path, "utf8").then(
    (text) => text.trim(),
    () => null,
  );
}

/** All administrative directories of a mirror with the directory that each belongs to. */
export async function listWorktrees(mirror: string): Promise<Worktree[]> {
  const names = await readdir(join(mirror, "worktrees")).catch(() => []);
  const found = await Promise.all(
    names.map(async (name) => {
      const admin = join(mirror, "worktrees", name);
      const gitFile = await readText(join(admin, "gitdir"));
      return gitFile === null || !gitFile.endsWith("/.git")
        ? null
        : { dir: gitFile.slice(0, -"/.git".length), admin };
    }),
  );
  return found.filter((tree) => tree !== null);
}

async function isWhole(admin: string): Promise<boolean> {
  const [head, common] = await Promise.all([
    readText(join(admin, "HEAD")),
    readText(join(admin, "commondir")),
  ]);
  return head !== null && head !== "" && common !== null && common !== "";
}

/** Points both directories at each other. */
async function link(tree: Worktree): Promise<void> {
  await mkdir(tree.dir, { recursive: true, mode: 0o700 });
  await rm(join(tree.dir, ".git"), { recursive: true, force: true });
  await writeFile(join(tree.dir, ".git"), `gitdir: ${tree.admin}\n`);
  await writeFile(join(tree.admin, "gitdir"), `${join(tree.dir, ".git")}\n`);
}

/**
 * The worktree at `dir`, mended where its `.git` file was lost or replaced, or the data directory moved;
 * null when there is none. Its commits live in the mirror, so they survive whatever happened to `dir`.
 * Its files may be gone: see `openWithFiles`.
 */
export async function openWorktree(mirror: string, dir: string): Promise<Worktree | null> {
  const tree = { dir, admin: adminOf(mirror, dir) };
  if (!(await isWhole(tree.admin))) return null;
  if (!(await exists(dir))) await writeFile(join(tree.admin, EMPTIED), "");
  const [there, back] = await Promise.all([
    readText(join(dir, ".git")),
    readText(join(tree.admin, "gitdir")),
  ]);
  if (there !== `gitdir: ${tree.admin}` || back !== join(dir, ".git")) await link(tree);
  return tree;
}

/** Noted before an empty directory takes the place of a lost one, until its files are back. */
const EMPTIED = "gastown-emptied";

export function isEmptied({ admin }: Worktree): Promise<boolean> {
  return exists(join(admin, EMPTIED));
}

export async function noteFilled({ admin }: Worktree): Promise<void> {
  await rm(join(admin, EMPTIED), { force: true });
}

/** No commit yet: a fetch looks at the heads of all worktrees, and one that is missing would fail it. */
const UNBORN = "ref: refs/heads/gastown/not-checked-out-yet\n";

/**
 * Registers a worktree at `dir` with neither a commit nor files. `git worktree add` shows its
 * half-made directory to every other git of the mirror, and some die of that; this one appears whole.
 */
export async function registerWorktree(mirror: string, dir: string): Promise<Worktree> {
  await removeWorktree(mirror, dir);
  const fresh = join(workshop(mirror), randomUUID());
  await mkdir(fresh, { recursive: true, mode: 0o700 });
  await writeFile(join(fresh, "HEAD"), UNBORN);
  await writeFile(join(fresh, "commondir"), "../..\n");
  await link({ dir, admin: fresh });
  const tree = { dir, admin: adminOf(mirror, dir) };
  await mkdir(dirname(tree.admin), { recursive: true });
  await rename(fresh, tree.admin);
  await writeFile(join(dir, ".git"), `gitdir: ${tree.admin}\n`);
  return tree;
}

/** Removes both directories of a worktree; half a worktree is fine. */
export async function removeWorktree(mirror: string, dir: string): Promise<void> {
  await rm(dir, { recursive: true, force: true, maxRetries: 3 });
  const old = join(workshop(mirror), randomUUID());
  await mkdir(workshop(mirror), { recursive: true, mode: 0o700 });
  await rename(adminOf(mirror, dir), old).catch(() => undefined);
  await rm(old, { recursive: true, force: true });
}

/** Takes away what a killed runner left in the workshop. */
export async function clearWorkshop(mirror: string): Promise<void> {
  await rm(workshop(mirror), { recursive: true, force: true });
}

const LOCKS = ["index.lock", "HEAD.lock", "config.worktree.lock", "locked"];
/** What a merge, rebase or bisect that was cut off leaves; a forced checkout removes only some of it. */
const OPERATIONS = [
  "rebase-merge",
  "rebase-apply",
  "sequencer",
  "MERGE_HEAD",
  "MERGE_MODE",
  "MERGE_MSG",
  "AUTO_MERGE",
  "CHERRY_PICK_HEAD",
  "REVERT_HEAD",
  "SQUASH_MSG",
  "BISECT_START",
  "BISECT_LOG",
];

function removeAll(admin: string, names: readonly string[]): Promise<unknown> {
  return Promise.all(names.map((name) => rm(join(admin, name), { recursive: true, force: true })));
}

/** For a worktree in which nothing runs any more: locks that a killed git left behind. */
export async function clearLocks(admin: string): Promise<void> {
  await removeAll(admin, LOCKS);
}

/** Ends a merge, rebase and the like, and forgets where the last session's head has been. */
export async function clearOperations(admin: string): Promise<void> {
  await removeAll(admin, [...OPERATIONS, "logs/HEAD"]);
}

/** Names a rebase or other operation that stands half way in the worktree; null when there is none. */
export async function operationUnderWay(admin: string): Promise<string | null> {
  for (const [name, what] of [
    ["rebase-merge", "rebase"],
    ["rebase-apply", "rebase"],
    ["CHERRY_PICK_HEAD", "cherry-pick"],
    ["REVERT_HEAD", "revert"],
  ] as const) {
    if (await exists(join(admin, name))) return what;
  }
  return null;
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** The commit at the head, where a file says it (as after every commit); null: ask git. */
export async function readHead(mirror: string, tree: Worktree): Promise<string | null> {
  const head = await readText(join(tree.admin, "HEAD"));
  const commit =
    head?.startsWith("ref: refs/heads/") === true ? await readText(join(mirror, head.slice(5))) : head;
  return commit !== null && isCommitId(commit) ? commit : null;
}

/** Every commit that this worktree's head has pointed at since it was prepared. */
export async function headHistory(admin: string): Promise<ReadonlySet<string>> {
  const log = (await readText(join(admin, "logs", "HEAD"))) ?? "";
  // `<old> <new> …`: the first old one belongs to the session before.
  return new Set(log.split("\n").flatMap((line) => line.split(" ", 2).slice(1).filter(isCommitId)));
}

const slotRecord = z.object({
  base: z.string(),
  /** Commits that were on the remote once: deleting their branch later does not make them unsaved. */
  saved: z.array(z.string()),
});
export type SlotRecord = z.infer<typeof slotRecord>;

/** Our note beside git's own files; a lost one costs nothing but a look at the remote's refs. */
export async function readRecord(admin: string): Promise<SlotRecord | null> {
  const text = await readText(join(admin, "gastown.json"));
  if (text === null) return null;
  try {
    return slotRecord.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

export async function writeRecord(admin: string, record: SlotRecord): Promise<void> {
  await writeFile(join(admin, "gastown.json"), JSON.stringify(record));
}

/** Notes that `commit` is on the remote (or in a bundle), whatever becomes of its ref there. */
export async function noteSaved(admin: string, commit: string): Promise<void> {
  const record = (await readRecord(admin)) ?? { base: commit, saved: [] };
  if (record.saved.includes(commit)) return;
  await writeRecord(admin, { ...record, saved: [...record.saved, commit].slice(-50) });
}
