/**
 * What a checkout leaves out: the files of submodules, and those that Git LFS keeps (spec/runner.md §5).
 * Both are a rig's wish (`git.submodules`, `git.lfs`). They are fetched here, with the credential of the
 * moment, and not by filters or hooks of the checkout itself.
 */
import { lstat, rm } from "node:fs/promises";
import { join } from "node:path";
import type { GitIdentity, RigRef } from "@gastown/protocol";
import type { GitContext } from "./context.ts";
import { GitFailure } from "./failure.ts";
import type { GitFailureCode } from "./failure.ts";
import type { GitResult } from "./git.ts";
import { gitWords, remoteProblem } from "./remote-errors.ts";
import type { RemoteOf } from "./remotes.ts";
import { BASE_REF } from "./save-modules.ts";
import { credentialUrl, parseLinks, readModules } from "./submodules.ts";
import type { Submodule } from "./submodules.ts";
import { hasLfs, LFS_SETTINGS, writeWorktreeConfig } from "./worktree-config.ts";
import { inWorktree } from "./worktrees.ts";
import type { Worktree } from "./worktrees.ts";

const FETCH_DEADLINE_MS = 1_800_000;

export interface Contents {
  readonly of: RemoteOf;
  readonly rig: RigRef;
  readonly tree: Worktree;
  /** Who commits there; null: nobody. */
  readonly author: GitIdentity | null;
  readonly signal: AbortSignal;
}

/** Of what the worktree holds before a checkout, as far as `afterCheckout` has to know it. */
export interface Before {
  readonly links: ReadonlySet<string>;
}

async function linksOf(context: GitContext, { rig, tree, signal }: Contents): Promise<Set<string>> {
  if (rig.submodules !== true) return new Set();
  const listed = await context.git({ at: inWorktree(tree), args: ["ls-files", "--stage", "-z"], signal });
  return parseLinks(listed.stdout);
}

/**
 * Where files are to be what they were not before (LFS switched on or off), all of them are written
 * anew: their times say that they are as they were.
 */
export async function beforeCheckout(context: GitContext, c: Contents): Promise<Before> {
  const links = await linksOf(context, c);
  if ((await hasLfs(c.tree.admin)) !== (c.rig.lfs === true))
    await rm(join(c.tree.admin, "index"), { force: true });
  return { links };
}

/** Removes a file unless a folder on its way is a link to somewhere else. */
async function removeInside(dir: string, path: string): Promise<void> {
  const parts = path.split("/");
  let place = dir;
  for (const part of parts.slice(0, -1)) {
    place = join(place, part);
    const found = await lstat(place).catch(() => null);
    if (found === null || !found.isDirectory()) return;
  }
  await rm(join(dir, path), { recursive: true, force: true });
}

/**
 * Right after a checkout, before untracked files are removed: where a submodule was and is no more, git
 * takes what is left for another repository, and would keep it.
 */
export async function afterCheckout(context: GitContext, c: Contents, before: Before): Promise<void> {
  if (before.links.size === 0) return;
  const now = await linksOf(context, c);
  for (const path of before.links) if (!now.has(path)) await removeInside(c.tree.dir, `${path}/.git`);
}

/**
 * The settings of the worktree, for what is checked out there; its author commits with the agent's own
 * `git commit`, too. Throws `GitFailure` for submodules that must not be cloned.
 */
export async function configure(context: GitContext, c: Contents): Promise<Submodule[]> {
  const wanted = c.rig.submodules === true;
  const modules = wanted ? await readModules(context, inWorktree(c.tree), c.of.url, c.signal) : [];
  await writeWorktreeConfig(c.tree.admin, { author: c.author, lfs: c.rig.lfs === true, modules });
  return modules;
}

/** Configures the worktree and fetches what the checkout left out. Throws `GitFailure`, phase `worktree`. */
export async function fill(context: GitContext, c: Contents): Promise<void> {
  if (c.author === null && c.rig.submodules !== true && c.rig.lfs !== true) return;
  const modules = await configure(context, c);
  if (c.rig.lfs === true) await pullLfs(context, c);
  if (modules.length === 0) return;
  await updateModules(context, c, modules);
  if (c.rig.lfs === true) await pullLfs(context, c, modules);
}

/** The filters belong to the worktree; each submodule is given them in its own clone. */
const LFS_IN_MODULES = `${LFS_SETTINGS.map(([key, value]) => `git config ${key} '${value}'`).join(
  " && ",
)} && git lfs pull`;

/** `modules`: inside these, instead of in the repository itself. */
async function pullLfs(context: GitContext, c: Contents, modules?: readonly Submodule[]): Promise<void> {
  const inside = ["submodule", "--quiet", "foreach", "--recursive", LFS_IN_MODULES];
  const url = modules === undefined ? c.of.url : credentialUrl(c.of.url, modules);
  const pulled = await context.git({
    at: inWorktree(c.tree),
    args: modules === undefined ? ["lfs", "pull"] : inside,
    timeoutMs: FETCH_DEADLINE_MS,
    signal: c.signal,
    remote: { url, rigId: c.of.rigId, purpose: "fetch" },
  });
  if (pulled.ok) return;
  if (!/'lfs' is not a git command/.test(pulled.stderr)) throw failed("The files of Git LFS", pulled, "lfs");
  throw new GitFailure({
    phase: "worktree",
    code: "lfs_missing",
    message: "This rig wants Git LFS, and the program git-lfs is not installed where the runner runs.",
    action: "Install git-lfs there, or switch git.lfs off for this rig.",
  });
}

function failed(what: string, result: GitResult, setting: "lfs" | "submodules"): GitFailure {
  const problem = remoteProblem(result);
  const code: GitFailureCode = /transport '[^']*' not allowed/.test(result.stderr)
    ? "not_allowed"
    : problem === "auth" || problem === "network" || problem === "disk"
      ? problem
      : "contents_missing";
  return new GitFailure({
    phase: "worktree",
    code,
    message: `${what} could not be fetched: ${gitWords(result)}`,
    action: `Make them reachable for the credential of this rig, or switch git.${setting} off for it.`,
  });
}

async function updateModules(context: GitContext, c: Contents, modules: readonly Submodule[]): Promise<void> {
  await followUrls(context, c, modules);
  const first = await update(context, c, modules);
  if (first.ok) return clean(context, c);
  // What was killed in the middle of a clone is no repository, and one that moved may be another one.
  const broken = failed("Submodules", first, "submodules");
  if (broken.failure.code !== "contents_missing") throw broken;
  await context.git({
    at: inWorktree(c.tree),
    args: ["submodule", "--quiet", "deinit", "--all", "--force"],
    signal: c.signal,
  });
  await rm(join(c.tree.admin, "modules"), { recursive: true, force: true });
  const second = await update(context, c, modules);
  if (!second.ok) throw failed("Submodules", second, "submodules");
}

/** A clone of an earlier session may have been made from another url. */
async function followUrls(context: GitContext, c: Contents, modules: readonly Submodule[]): Promise<void> {
  for (const { name, url } of modules) {
    const clone = join(c.tree.admin, "modules", name);
    const known = await lstat(join(clone, "config")).catch(() => null);
    if (known === null) continue;
    const args = ["config", "--file", join(clone, "config"), "remote.origin.url", url];
    await context.git({ at: inWorktree(c.tree), args, signal: c.signal });
  }
}

/** `--checkout`: nothing that somebody configured is run instead. */
function update(context: GitContext, c: Contents, modules: readonly Submodule[]): Promise<GitResult> {
  const how = ["--init", "--recursive", "--checkout", "--force", "--jobs", "2"];
  return context.git({
    at: inWorktree(c.tree),
    args: ["submodule", "--quiet", "update", ...how],
    timeoutMs: FETCH_DEADLINE_MS,
    signal: c.signal,
    remote: { url: credentialUrl(c.of.url, modules), rigId: c.of.rigId, purpose: "fetch" },
  });
}

/**
 * In submodules, too, untracked files of the last session go, and ignored ones (caches) stay. Each notes
 * where it is now: what it has beyond that is the session's work.
 */
async function clean(context: GitContext, c: Contents): Promise<void> {
  const args = [
    "submodule",
    "--quiet",
    "foreach",
    "--recursive",
    `git update-ref ${BASE_REF} HEAD && git clean -ffd --quiet`,
  ];
  const cleaned = await context.git({ at: inWorktree(c.tree), args, signal: c.signal });
  if (!cleaned.ok) throw failed("Submodules", cleaned, "submodules");
}
