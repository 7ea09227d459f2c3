/** Every move of a merge request goes through here, so that its flags follow its state. */
import type { MergeState } from "@gastown/protocol";
import type { Waiting } from "../beads/waiting.ts";
import { waitingJson } from "../beads/waiting.ts";
import type { Ctx } from "../kernel/context.ts";
import { move } from "../status.ts";
import type { MergeRow } from "./merge-row.ts";

export interface MergeMove {
  to: MergeState;
  kind: string;
  text: string;
  reason?: string;
  data?: Record<string, unknown>;
}

export function moveMerge(ctx: Ctx, merge: MergeRow, step: MergeMove): void {
  move(ctx, {
    machine: "merge",
    id: merge.bead_id,
    from: merge.state,
    to: step.to,
    reason: step.reason ?? null,
    event: {
      kind: step.kind,
      subject: { type: "bead", id: merge.bead_id },
      beadId: merge.lands_convoy === 1 ? merge.bead_id : merge.source_id,
      convoyId: merge.convoy_id,
      rigId: merge.rig_id,
      text: step.text,
      data: {
        mergeRequest: merge.bead_id,
        branch: merge.branch,
        target: merge.target,
        head: merge.head_sha,
        ...step.data,
      },
    },
  });
  ctx.sql.run(
    "update merge_requests set review_wanted = 0, waiting = null, green_since = null where bead_id = ?",
    merge.bead_id,
  );
  // What was read before it was approved decides nothing, however green it was.
  if (step.to === "approved" && merge.pr_url !== null)
    ctx.sql.run(
      "update merge_requests set read_after = read_after + 1, next_poll_at = ? where bead_id = ?",
      ctx.now,
      merge.bead_id,
    );
}

export function mergeWaits(ctx: Ctx, merge: MergeRow, waiting: Waiting): void {
  const next = waitingJson(ctx, merge.waiting, waiting);
  if (next !== merge.waiting)
    ctx.sql.run("update merge_requests set waiting = ? where bead_id = ?", next, merge.bead_id);
}

/** The title of what it lands. */
export function mergeTitle(ctx: Ctx, merge: MergeRow): string {
  return (
    ctx.sql.get<{ title: string }>("select title from beads where id = ?", merge.source_id)?.title ??
    merge.branch
  );
}
