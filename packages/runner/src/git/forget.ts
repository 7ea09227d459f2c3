/** What is left on disk of agents and repositories that the town no longer has. */
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { GitContext } from "./context.ts";
import { removeWorktree } from "./worktrees.ts";

/** Names of slots and ids of rigs that have something on this disk. */
export interface Places {
  readonly slots: readonly string[];
  readonly rigs: readonly string[];
}

const MIRROR = ".git";

export async function places(context: GitContext): Promise<Places> {
  const [slots, mirrors] = await Promise.all([
    namesIn(join(context.root, "slots")),
    namesIn(join(context.root, "mirrors")),
  ]);
  const rigs = mirrors.filter((name) => name.endsWith(MIRROR)).map((name) => name.slice(0, -MIRROR.length));
  return { slots, rigs };
}

/** The slot's worktrees, in the mirrors too. The caller knows that their work is saved. */
export async function forgetSlot(context: GitContext, slot: string): Promise<void> {
  const dir = join(context.root, "slots", slot);
  for (const rigId of await namesIn(dir))
    await removeWorktree(context.mirrors.pathOf(rigId), join(dir, rigId));
  await rm(dir, { recursive: true, force: true, maxRetries: 3 });
}

/** The mirror of a rig; left alone while a worktree of it is here. Whether it went. */
export async function forgetMirror(context: GitContext, rigId: string): Promise<boolean> {
  const slots = await namesIn(join(context.root, "slots"));
  const rigs = await Promise.all(slots.map((slot) => namesIn(join(context.root, "slots", slot))));
  if (rigs.some((names) => names.includes(rigId))) return false;
  await rm(context.mirrors.pathOf(rigId), { recursive: true, force: true, maxRetries: 3 });
  return true;
}

async function namesIn(dir: string): Promise<string[]> {
  return readdir(dir).catch(() => []);
}
