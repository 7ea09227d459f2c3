/** What keeps a merge request out of `landing`: an open blocker of it or of its source (spec/review.md §2). */
import { settings } from "../config/store.ts";
import type { Ctx } from "../kernel/context.ts";
import type { MergeRow } from "./merge-row.ts";
import type { BeadRow } from "../beads/bead-row.ts";
import { blockersOf } from "../beads/dependencies.ts";
import type { Waiting } from "../beads/waiting.ts";
import { isBroken, isDone } from "../beads/done.ts";

export function blockersLeft(ctx: Ctx, merge: MergeRow): BeadRow[] {
  const skip = settings(ctx, merge.rig_id).on_blocker_failure === "skip";
  const passed = (blocker: BeadRow): boolean => isDone(blocker) || (skip && isBroken(blocker));
  const blockers = [...new Set([merge.bead_id, merge.source_id])].flatMap((id) => blockersOf(ctx, id));
  return blockers.filter((blocker) => !passed(blocker));
}

/** What a reader sees of it; null where nothing of the kind keeps it back. */
export function blockedWait(ctx: Ctx, merge: MergeRow): Waiting | null {
  const open = blockersLeft(ctx, merge);
  if (open.length === 0) return null;
  return {
    code: "blocked",
    message: `waits for ${open.map((bead) => bead.title).join(", ")}`,
    ids: open.map((bead) => bead.id),
  };
}
