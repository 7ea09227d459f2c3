/** A branch that conflicts with its target: repaired by a fix bead, or a question (spec/review.md §3, §4.3). */
import { settings } from "../config/store.ts";
import type { Ctx } from "../kernel/context.ts";
import { ask, sendBack, type WorkOrder } from "./fix-beads.ts";
import { mayRewrite, type MergeRow } from "./merge-row.ts";
import { mergeTitle, moveMerge } from "./move-merge.ts";

/** What a worker is told. A history that may not be rewritten gets a merge, never a rebase. */
export function conflictOrder(merge: MergeRow, files: readonly string[], besides = ""): WorkOrder {
  const how = mayRewrite(merge)
    ? `Rebase ${merge.branch} onto the current ${merge.target} and resolve the conflicts so that both sides keep their purpose.`
    : `Merge the current ${merge.target} into ${merge.branch}, resolve the conflicts so that both sides keep their purpose, and commit. Do not rewrite commits that exist.`;
  return {
    kind: "conflict",
    cause: "conflict",
    text: besides === "" ? how : `${how}\n\n${besides}`,
    files: files.map((path) => ({ path })),
  };
}

/** A merge, or an update of the branch, met conflicts. */
export function conflicted(ctx: Ctx, merge: MergeRow, files: readonly string[]): void {
  const event = {
    kind: "merge.conflict",
    text: `${mergeTitle(ctx, merge)} conflicts with ${merge.target} in ${files.slice(0, 3).join(", ") || "some files"}`,
    data: { files },
  };
  if (settings(ctx, merge.rig_id).review.auto_resolve_conflicts && merge.can_push === 1) {
    sendBack(ctx, merge, conflictOrder(merge, files), event);
    return;
  }
  moveMerge(ctx, merge, { to: "changes_requested", ...event });
  ask(
    ctx,
    merge,
    "conflict",
    `It conflicts with ${merge.target} in ${files.join(", ")}, and conflicts are not resolved automatically here.`,
  );
}
