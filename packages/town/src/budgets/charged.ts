/** Whose budgets a session is charged to: the that its work is for, however it came to it. */
import { isFix, type BeadRow } from "../beads/bead-row.ts";
import type { Ctx } from "../kernel/context.ts";
import { mergeOfFix, type MergeRow } from "../reviews/merge-row.ts";
import type { Charged } from "./spend.ts";

export function chargedForBead(ctx: Ctx, bead: BeadRow): Charged {
  const merge = isFix(bead) ? mergeOfFix(ctx, bead.id) : undefined;
  return merge ? chargedForMerge(merge) : { beadId: bead.id, convoyId: bead.convoy_id, rigId: bead.rig_id };
}

/** A convoy's landing is nobody's alone: it is charged to the convoy. */
export function chargedForMerge(merge: MergeRow): Charged {
  return merge.lands_convoy === 1
    ? { beadId: null, convoyId: merge.source_id, rigId: merge.rig_id }
    : { beadId: merge.source_id, convoyId: merge.convoy_id, rigId: merge.rig_id };
}
