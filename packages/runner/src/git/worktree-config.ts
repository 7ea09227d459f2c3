/** The settings of one worktree, for our git and for the agent's: git's own file, written by us alone. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { GitIdentity } from "@gastown/protocol";
import { configValue } from "./mirrors.ts";
import type { Submodule } from "./submodules.ts";

export interface WorktreeConfig {
  /** Who commits there; null: nobody. */
  readonly author: GitIdentity | null;
  readonly lfs: boolean;
  readonly modules: readonly Submodule[];
}

export const LFS_SETTINGS: readonly (readonly [string, string])[] = [
  ["filter.lfs.clean", "git-lfs clean -- %f"],
  ["filter.lfs.smudge", "git-lfs smudge -- %f"],
  ["filter.lfs.process", "git-lfs filter-process"],
  ["filter.lfs.required", "true"],
];

const LFS = `[filter "lfs"]\n${LFS_SETTINGS.map(
  ([key, value]) => `\t${key.slice("filter.lfs.".length)} = ${value}\n`,
).join("")}`;

/** For a checkout: pointers are left as they are, also where the program is missing. */
export const WITHOUT_LFS: readonly (readonly [string, string])[] = [
  ["filter.lfs.process", ""],
  ["filter.lfs.smudge", ""],
  ["filter.lfs.required", "false"],
];

function moduleSection({ name, url }: Submodule): string {
  // All that `submodule init` would write into the config that all worktrees share.
  return `[submodule ${configValue(name)}]\n\tactive = true\n\tupdate = checkout\n\turl = ${configValue(url)}\n`;
}

function worktreeConfig({ author, lfs, modules }: WorktreeConfig): string {
  const user =
    author === null
      ? ""
      : `[user]\n\tname = ${configValue(author.name)}\n\temail = ${configValue(author.email)}\n`;
  return `${user}[push]\n\tdefault = nothing\n${lfs ? LFS : ""}${modules.map(moduleSection).join("")}`;
}

export async function writeWorktreeConfig(admin: string, config: WorktreeConfig): Promise<void> {
  await writeFile(join(admin, "config.worktree"), worktreeConfig(config));
}

/** Whether the worktree's files are those of Git LFS. */
export async function hasLfs(admin: string): Promise<boolean> {
  const config = await readFile(join(admin, "config.worktree"), "utf8").catch(() => "");
  return config.includes('[filter "lfs"]');
}
