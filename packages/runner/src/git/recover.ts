/**
 * What a killed runner left in its own directories. The caller holds the exclusive lock on them and
 * has ended every process of the earlier instance, so each lock file found here belongs to nobody.
 */
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { clearWorkshop, listWorktrees } from "./worktrees.ts";

async function names(dir: string): Promise<string[]> {
  return readdir(dir).catch(() => []);
}

async function removeLocks(dir: string, recursive: boolean): Promise<void> {
  const entries = await readdir(dir, { withFileTypes: true, recursive }).catch(() => []);
  const locks = entries.filter((entry) => entry.isFile() && entry.name.endsWith(".lock"));
  await Promise.all(locks.map((entry) => rm(join(entry.parentPath, entry.name), { force: true })));
}

/** Registrations of scratch worktrees, and half ones that somebody's own `git worktree add` left. */
async function removeHalfWorktrees(mirror: string, scratch: string): Promise<void> {
  const folder = join(mirror, "worktrees");
  const trees = await listWorktrees(mirror);
  const whole = new Set(
    trees.filter((tree) => !tree.dir.startsWith(`${scratch}/`)).map((tree) => tree.admin),
  );
  for (const name of await names(folder)) {
    const admin = join(folder, name);
    if (!whole.has(admin)) await rm(admin, { recursive: true, force: true });
    else await removeLocks(admin, false);
  }
}

async function removeUnfinishedPacks(mirror: string): Promise<void> {
  const pack = join(mirror, "objects", "pack");
  const unfinished = (await names(pack)).filter((name) => name.startsWith("tmp_"));
  const incoming = (await names(join(mirror, "objects"))).filter((name) => name.startsWith("tmp_objdir-"));
  await Promise.all(unfinished.map((name) => rm(join(pack, name), { force: true })));
  await Promise.all(
    incoming.map((name) => rm(join(mirror, "objects", name), { recursive: true, force: true })),
  );
}

/** Makes the directories of a workspace and clears what an earlier instance left half done. */
export async function recover(root: string): Promise<void> {
  const scratch = join(root, "scratch");
  const mirrors = join(root, "mirrors");
  await rm(scratch, { recursive: true, force: true, maxRetries: 3 });
  for (const name of ["home", "mirrors", "slots", "scratch", "bundles"])
    await mkdir(join(root, name), { recursive: true, mode: 0o700 });
  for (const name of await names(mirrors)) {
    const mirror = join(mirrors, name);
    if (name.endsWith(".new")) {
      await rm(mirror, { recursive: true, force: true });
      continue;
    }
    await removeLocks(mirror, false);
    await removeLocks(join(mirror, "refs"), true);
    await clearWorkshop(mirror);
    await removeHalfWorktrees(mirror, scratch);
    await removeUnfinishedPacks(mirror);
  }
}
