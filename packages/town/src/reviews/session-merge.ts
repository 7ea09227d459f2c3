import { beadRow } from "../beads/bead-row.ts";
import type { Ctx } from "../kernel/context.ts";
import { findRig, forgeOf } from "../rigs/rigs.ts";
import { toRigRef } from "../sessions/launch.ts";
import { sessionRow } from "../sessions/session-row.ts";
import type { ForgeRig } from "./forge-effects.ts";
import { latestMergeOf, mergeOfFix, mergeRow, type MergeRow } from "./merge-row.ts";

/**
 * The merge request that a session has to do with: the one that it reviews or repairs, or the one of its
 * own bead's earlier work.
 */
export function mergeOfSession(ctx: Ctx, sessionId: string): MergeRow | undefined {
  const beadId = sessionRow(ctx, sessionId)?.bead_id;
  if (!beadId || !beadRow(ctx, beadId)) return undefined;
  return mergeRow(ctx, beadId) ?? mergeOfFix(ctx, beadId) ?? latestMergeOf(ctx, beadId);
}

/** Its pull request. Null: none is open. */
export function pullRequestOf(ctx: Ctx, sessionId: string): (ForgeRig & { url: string }) | null {
  const merge = mergeOfSession(ctx, sessionId);
  if (!merge || merge.pr_url === null) return null;
  const rig = findRig(ctx, merge.rig_id);
  return { url: merge.pr_url, rig: toRigRef(ctx, rig), forge: forgeOf(ctx, rig) };
}
