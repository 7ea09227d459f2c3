/** What became of the target merged into a branch (`update-branch.ts`). */
import type { EffectOutcome } from "@gastown/protocol";
import type { Ctx } from "../kernel/context.ts";
import { conflicted } from "./conflict.ts";
import { failMerge } from "./fail.ts";
import { verdictKept } from "./head-moved.ts";
import { headMovedTo } from "./landing.ts";
import { mergeRow } from "./merge-row.ts";
import { readAnew } from "./pull-request.ts";

/** An answer to another head than today's, or in another state, is late. */
export function branchUpdated(
  ctx: Ctx,
  asked: { mergeId: string; headSha: string; seenHead?: string | undefined },
  outcome: EffectOutcome,
): void {
  const merge = mergeRow(ctx, asked.mergeId);
  if (!merge || merge.state !== "approved" || merge.head_sha !== asked.headSha) return;
  switch (outcome.outcome) {
    case "branch_updated":
      // It contained the target already: the forge's `behind` is late.
      return outcome.head === merge.head_sha ? readAnew(ctx, merge) : verdictKept(ctx, merge, outcome.head);
    case "head_moved":
      return headMovedTo(ctx, merge, outcome.head);
    case "conflict":
      return conflicted(ctx, merge, outcome.files);
    case "rejected":
    case "auth":
      return failMerge(ctx, merge, {
        kind: outcome.outcome,
        message: `${merge.target} could not be merged into ${merge.branch}: ${outcome.reason}`,
      });
    case "missing_ref":
      return failMerge(ctx, merge, {
        kind: "missing_ref",
        message: `${outcome.ref} no longer exists on the remote.`,
      });
    default:
      // Tried again with the next reading that still says so.
      return undefined;
  }
}
