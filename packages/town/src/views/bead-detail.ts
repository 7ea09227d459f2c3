/** One bead with everything that belongs to it (spec/api.md §3.0, BeadDetail). */
import type { BeadDetail } from "@gastown/protocol";
import { readFeed } from "../audit/audit.ts";
import type { BeadRow } from "../beads/bead-row.ts";
import { blockedBy, blockersOf } from "../beads/dependencies.ts";
import type { Ctx } from "../kernel/context.ts";
import { moleculeOf } from "../molecules/molecules.ts";
import { latestMergeOf, mergeRow } from "../reviews/merge-row.ts";
import { toBead } from "./beads.ts";
import { usageOf } from "./usage.ts";
import { sessionsOfBead, toMergeRequest } from "./work.ts";

export function toBeadDetail(ctx: Ctx, row: BeadRow): BeadDetail {
  const edge = (bead: BeadRow) => ({
    id: bead.id,
    title: bead.title,
    status: bead.status,
    reason: bead.reason,
  });
  const merge = mergeRow(ctx, row.id) ?? latestMergeOf(ctx, row.id);
  const molecule = moleculeOf(ctx, row.id);
  const sessions = sessionsOfBead(ctx, row.id);
  return {
    ...toBead(ctx, row),
    model: row.model,
    runtime: row.runtime,
    timeline: readFeed(
      ctx,
      row.type === "convoy" ? { convoyId: row.id, limit: 50 } : { beadId: row.id, limit: 50 },
    ),
    dependencies: { blockedBy: blockersOf(ctx, row.id).map(edge), blocks: blockedBy(ctx, row.id).map(edge) },
    sessions,
    ...(merge ? { mergeRequest: toMergeRequest(ctx, merge) } : {}),
    workRefs: sessions.map((session) => session.workRef).filter((ref) => ref !== null),
    ...(molecule ? { molecule } : {}),
    usage: usageOf(ctx, row.type === "convoy" ? "charged_convoy" : "charged_bead", row.id),
  };
}
