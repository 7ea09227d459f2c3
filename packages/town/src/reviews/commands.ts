/** Commands that meet a merge in flight are stored and applied with its result (spec/town.md §2). */
import { z } from "zod";
import { closeBead, failBead } from "../beads/attempts.ts";
import type { Ctx } from "../kernel/context.ts";
import { fromJson, toJson } from "../kernel/json.ts";
import { enqueue, underWay } from "../outbox/outbox.ts";
import { dismissMerge } from "./fail.ts";
import { sourceIssue, type MergeRow } from "./merge-row.ts";

const pendingCommand = z.object({ action: z.enum(["close", "fail"]), reason: z.string(), text: z.string() });
export type PendingCommand = z.infer<typeof pendingCommand>;

/** Remembers it and asks the merge to withdraw, which it does unless its push has begun. */
export function storeCommand(ctx: Ctx, merge: MergeRow, command: PendingCommand): void {
  ctx.sql.run(
    "update merge_requests set pending_command = ? where bead_id = ?",
    toJson(command),
    merge.bead_id,
  );
  const effect = underWay(ctx, "merge", merge.bead_id);
  if (!effect) return;
  enqueue(ctx, {
    kind: "withdraw_merge",
    subject: `withdraw:${merge.bead_id}`,
    key: `withdraw:${effect.id}`,
    payload: { effectId: effect.id },
  });
}

/** The merge did not land: what was asked meanwhile is done now. True when there was something. */
export function applyPendingCommand(ctx: Ctx, merge: MergeRow): boolean {
  const command = fromJson(pendingCommand, merge.pending_command);
  if (!command) return false;
  dismissMerge(ctx, merge, command.text);
  const source = sourceIssue(ctx, merge);
  if (source?.status !== "in_review") return true;
  if (command.action === "close") closeBead(ctx, source, command.reason, command.text);
  else failBead(ctx, source, command.reason, command.text);
  return true;
}
