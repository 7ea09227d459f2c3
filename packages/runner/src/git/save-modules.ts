/**
 * WIP safety inside submodules (spec/runner.md §5): what a session did in one is saved like the rest, by the
 * submodule's own remote where that takes it, else in a bundle. The next session resets submodules, too.
 *
 * The clone of a submodule lies in the worktree's administrative directory, where an agent's git may have
 * written any setting. So nothing is pushed from there: a bare repository of our own borrows its objects.
 */
import { createHash, randomUUID } from "node:crypto";
import { mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import type { GitIdentity, KeptWork } from "@gastown/protocol";
import { bundlePath, writeBundle } from "./bundle.ts";
import type { GitContext } from "./context.ts";
import { GitFailure } from "./failure.ts";
import { configValue } from "./mirrors.ts";
import { exists, modulesOf } from "./modules.ts";
import type { Module } from "./modules.ts";
import { pushWip } from "./push-wip.ts";
import { wipRef } from "./refs.ts";
import { gitWords } from "./remote-errors.ts";
import type { RemoteOf } from "./remotes.ts";
import { snapshotTree } from "./snapshot.ts";
import type { Links } from "./snapshot.ts";
import { parseRemoteUrl } from "./urls.ts";
import { inWorktree } from "./worktrees.ts";
import type { Worktree } from "./worktrees.ts";

/** Where a submodule's clone notes at which commit its session found it; and what is saved already, where. */
export const BASE_REF = "refs/gastown/base";
const SAVED_REFS = "refs/gastown/saved/";
const BUNDLED_REFS = "refs/gastown/bundled/";
/** What needs no saving: the remote's branches, what the session found, what was saved. */
const SAFE = ["--not", "--remotes", "--glob=refs/gastown/*", "--"];

export interface SaveModulesOptions {
  readonly of: RemoteOf;
  readonly tree: Worktree;
  readonly sessionId: string;
  readonly author: GitIdentity;
  readonly signal: AbortSignal;
}

export interface SavedModules {
  /** Where the saved commit of the worktree is to have its submodules, by path. */
  readonly links: Links;
  readonly kept: readonly KeptWork[];
}

interface Saving {
  readonly context: GitContext;
  readonly o: SaveModulesOptions;
  readonly module: Module;
}

function moduleFailure(path: string, what: string): GitFailure {
  return new GitFailure({
    phase: "worktree",
    code: "git_failed",
    message: `Unfinished work in the submodule ${path} could not be saved: ${what}`,
    action: "The worktree is kept as it is and saving is tried again.",
  });
}

async function must(s: Saving, args: readonly string[], input?: string): Promise<string> {
  const result = await s.context.git({
    at: inWorktree(s.module.tree),
    args,
    signal: s.o.signal,
    identity: s.o.author,
    ...(input === undefined ? {} : { input }),
  });
  if (!result.ok) throw moduleFailure(s.module.path, gitWords(result));
  return result.stdout.trim();
}

interface Commit {
  readonly id: string;
  readonly tree: string;
  readonly parent: string;
}

/** The commit at a ref of the submodule's clone; null where there is none. */
async function commitAt(s: Saving, ref: string): Promise<Commit | null> {
  const at = inWorktree(s.module.tree);
  const args = ["log", "-1", "--format=%H %T %P", ref, "--"];
  const result = await s.context.git({ at, args, signal: s.o.signal });
  const [id, tree, parent] = result.ok ? result.stdout.trim().split(" ") : [];
  return id === undefined || tree === undefined ? null : { id, tree, parent: parent ?? "" };
}

interface Work {
  /** Its head with everything in its files; null: nothing there that would be lost. */
  readonly current: string | null;
  /** What is on its other branches only. */
  readonly others: readonly string[];
}

/** What the submodule holds now and nobody else has. */
async function workIn(s: Saving, links: Links): Promise<Work> {
  const head = await commitAt(s, "HEAD");
  // A clone that was cut off.
  if (head === null) return { current: null, others: [] };
  const tree = await snapshotTree(s.context, s.module.tree, s.o.signal, links);
  if (typeof tree !== "string") throw moduleFailure(s.module.path, gitWords(tree));
  const current = await currentWork(s, head, tree);
  const others: string[] = [];
  const branches = await must(s, ["for-each-ref", "--format=%(objectname)", "refs/heads/"]);
  for (const tip of new Set(branches.split("\n").filter((line) => line !== ""))) {
    const known = [current, ...others].flatMap((commit) => (commit === null ? [] : [`^${commit}`]));
    if ((await must(s, ["rev-list", "--max-count=1", tip, ...known, ...SAFE])) !== "") others.push(tip);
  }
  return { current, others };
}

async function currentWork(s: Saving, head: Commit, tree: string): Promise<string | null> {
  const { sessionId } = s.o;
  for (const ref of await ownRefs(s)) {
    const last = await commitAt(s, ref);
    // Saved by this session, perhaps with its answer lost: the same answer again.
    if (last !== null && last.tree === tree && (last.parent === head.id || last.id === head.id))
      return last.id;
  }
  if (tree !== head.tree) {
    const message = `Save unfinished work of ${sessionId} in ${s.module.path}\n`;
    return must(s, ["commit-tree", tree, "-p", head.id], message);
  }
  return (await must(s, ["rev-list", "--max-count=1", head.id, ...SAFE])) === "" ? null : head.id;
}

/** A bare repository of our own with the submodule's objects, for as long as `use` takes. */
async function borrowing<T>(
  s: Saving,
  { url, commit }: { url: string; commit: string },
  use: (of: RemoteOf) => Promise<T>,
): Promise<T> {
  const { admin } = s.module.tree;
  const gitDir = join(s.context.root, "scratch", randomUUID());
  try {
    await mkdir(join(gitDir, "objects", "info"), { recursive: true, mode: 0o700 });
    await mkdir(join(gitDir, "refs", "heads"), { recursive: true });
    // Git LFS takes a repository without any ref for a broken one.
    await writeFile(join(gitDir, "refs", "heads", "work"), `${commit}\n`);
    await writeFile(join(gitDir, "HEAD"), "ref: refs/heads/work\n");
    await writeFile(join(gitDir, "objects", "info", "alternates"), `${join(admin, "objects")}\n`);
    const lfs = s.o.of.lfs && (await exists(join(admin, "lfs")));
    if (lfs) await symlink(join(admin, "lfs"), join(gitDir, "lfs"));
    const remote = `[remote "origin"]\n\turl = ${configValue(url)}\n`;
    const core = "[core]\n\trepositoryformatversion = 0\n\tbare = true\n";
    await writeFile(join(gitDir, "config"), core + remote);
    return await use({ mirror: gitDir, url, rigId: s.o.of.rigId, lfs, pushOptions: [] });
  } finally {
    await rm(gitDir, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** Whether what stands at that name was saved from this clone, or is part of the commit. */
async function supersedes(s: Saving, commit: string, name: string, there: string): Promise<boolean> {
  if ((await commitAt(s, SAVED_REFS + name))?.id === there) return true;
  const args = ["merge-base", "--is-ancestor", there, commit];
  return (await s.context.git({ at: inWorktree(s.module.tree), args, signal: s.o.signal })).ok;
}

/** Puts it at that name's ref of the submodule's remote. Throws where it is to be tried again. */
async function push(
  s: Saving,
  commit: string,
  name: string,
): Promise<{ ref: string } | { refused: string } | { taken: true }> {
  const asked = await s.context.git({
    at: { gitDir: s.module.tree.admin },
    args: ["config", "--get", "remote.origin.url"],
    signal: s.o.signal,
  });
  const parsed = parseRemoteUrl(asked.stdout.trim(), s.context.allowLocal);
  if ("refused" in parsed) return { refused: `its remote ${parsed.refused}` };
  try {
    const wip = {
      commit,
      ref: wipRef(name),
      supersedes: (there: string) => supersedes(s, commit, name, there),
    };
    return await borrowing(s, { url: parsed.url, commit }, (of) => pushWip(s.context, of, wip, s.o.signal));
  } catch (error) {
    // A library is often somebody else's: that it takes nothing from us will not pass.
    if (error instanceof GitFailure && error.failure.code !== "network") return { refused: error.message };
    throw error;
  }
}

/** Whether the remote has it now; else a bundle does. */
async function keep(s: Saving, commit: string, name: string): Promise<boolean> {
  const at = { gitDir: s.module.tree.admin };
  if ((await commitAt(s, SAVED_REFS + name))?.id === commit) return true;
  const pushed = await push(s, commit, name);
  if ("taken" in pushed) return keep(s, commit, `${name}-${commit.slice(0, 12)}`);
  if ("ref" in pushed) {
    await must(s, ["update-ref", SAVED_REFS + name, commit]);
    return true;
  }
  const excluded = ["--not", "--remotes", `--glob=${BASE_REF}*`];
  const file = bundleName(s.module.path, name);
  const o = { at, commit, ref: BUNDLED_REFS + name, file, excluded, signal: s.o.signal };
  const path = await writeBundle(s.context, o);
  const { path: submodule } = s.module;
  s.context.log("work_bundled", { session_id: s.o.sessionId, submodule, path, reason: pushed.refused });
  return false;
}

/** Two submodules of a session have a bundle each. */
function bundleName(path: string, name: string): string {
  return `${name}-${path.replaceAll(/[^\w.-]+/g, "-")}-${createHash("sha256").update(path).digest("hex").slice(0, 8)}`;
}

/** Where its clone has noted what this session has ever saved of it. */
async function ownRefs(s: Saving): Promise<string[]> {
  const prefixes = [SAVED_REFS, BUNDLED_REFS].map((refs) => `${refs}${s.o.sessionId}*`);
  const refs = await must(s, ["for-each-ref", "--format=%(refname)", ...prefixes]);
  return refs.split("\n").filter((ref) => ref !== "");
}

/** Everything that this session has ever left in it. */
async function keptIn(s: Saving): Promise<KeptWork[]> {
  const submodule = s.module.path;
  return (await ownRefs(s)).map((ref) =>
    ref.startsWith(SAVED_REFS)
      ? { submodule, ref: wipRef(ref.slice(SAVED_REFS.length)), bundle: null }
      : {
          submodule,
          ref: null,
          bundle: bundlePath(s.context, bundleName(submodule, ref.slice(BUNDLED_REFS.length))),
        },
  );
}

/**
 * Saves what the worktree's submodules hold and their remotes do not. Throws `GitFailure` `network` where
 * it must be tried again.
 */
export async function saveModules(context: GitContext, o: SaveModulesOptions): Promise<SavedModules> {
  const kept: KeptWork[] = [];
  const modules = await modulesOf(context, o.tree, o.signal);
  /** By the directory of the repository that has the links. */
  const links = new Map<string, Map<string, string | null>>();
  const linksOf = (dir: string): Map<string, string | null> =>
    links.get(dir) ?? new Map<string, string | null>();
  for (const module of modules) {
    const s: Saving = { context, o, module };
    const { current, others } = await workIn(s, linksOf(module.tree.dir));
    for (const commit of others) await keep(s, commit, `${o.sessionId}-${commit.slice(0, 12)}`);
    if (current !== null) {
      const onRemote = await keep(s, current, o.sessionId);
      // The innermost repository around it; one that nobody could fetch must not keep the next one from it.
      const outer = modules.find(({ path }) => module.path.startsWith(`${path}/`))?.tree.dir ?? o.tree.dir;
      const link = onRemote ? current : ((await commitAt(s, BASE_REF))?.id ?? null);
      links.set(outer, linksOf(outer).set(relative(outer, module.tree.dir), link));
    }
    kept.push(...(await keptIn(s)));
  }
  return { links: linksOf(o.tree.dir), kept };
}
