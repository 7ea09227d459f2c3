/** 12: every commit that an agent made is on a remote ref before its worktree is gone, and stays there. */
import type { Sql } from "@gastown/town";
import type { Disk, Made, Worktree } from "../runner/disk.ts";
import type { World } from "../world/world.ts";
import { ViolationFound } from "./violation.ts";

/** In the moment in which a worktree is removed. */
export function workRemoved(world: World, tree: Worktree): void {
  if (tree.head === tree.base || world.remote(tree.rigId).holds(tree.head)) return;
  throw new ViolationFound(12, `the worktree of ${tree.sessionId} was removed with ${tree.head} in it alone`);
}

/** At the end: all that was made on disks that are not lost, unless its branch has done its work. */
export function checkWork(world: World, disks: readonly Disk[], sql: Sql): void {
  for (const disk of disks.filter(({ lost }) => !lost)) {
    for (const made of disk.made) {
      const isThere =
        world.remote(made.rigId).holds(made.sha) ||
        disk.holds(made.sha, (head, sha) => world.history.contains(head, sha)) ||
        isMerged(sql, made);
      if (!isThere) throw new ViolationFound(12, `${made.sha}, made for ${made.branch}, is nowhere any more`);
    }
  }
}

/** What was squashed or rebased is in the target under another name. */
function isMerged(sql: Sql, { rigId, branch }: Made): boolean {
  return (
    sql.get(
      "select 1 as there from merge_requests where rig_id = ? and branch = ? and state = 'merged'",
      rigId,
      branch,
    ) !== undefined
  );
}
