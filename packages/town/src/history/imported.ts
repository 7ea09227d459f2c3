/**
 * A town that was read from an export (spec/town.md §3). Its past belongs to another host, and may still go
 * on there: nothing that was on its way is sent again. Whoever waited for it decides anew from what is
 * stored, as after any answer that never came; each new effect looks at the world before it acts. The town
 * is paused until a person says that it is this one that goes on.
 */
import { audit } from "../audit/audit.ts";
import { makeBranches } from "../convoys/branches.ts";
import type { Ctx } from "../kernel/context.ts";
import { schedule } from "../kernel/schedule.ts";
import { fenceEverything } from "../restored.ts";
import { applyPendingCommand } from "../reviews/commands.ts";
import { backToLane } from "../reviews/landing.ts";
import type { MergeRow } from "../reviews/merge-row.ts";
import { reviewPosted } from "../reviews/post-review.ts";
import { readAnew } from "../reviews/pull-request.ts";
import { askForSetup } from "../rigs/rigs.ts";
import { townRow } from "../town-row.ts";
import type { SecretName } from "./format.ts";

const WHY = "the town was imported";

export function imported(ctx: Ctx, omitted: readonly SecretName[]): void {
  fenceEverything(ctx, { code: "imported", message: WHY });
  ctx.sql.run(
    "update outbox set state = 'done', result = 'imported' where state in ('pending', 'running', 'accepted')",
  );
  // Facts that nobody had read yet were about sessions and effects that are over now.
  ctx.sql.run("update inbox set state = 'applied' where state = 'pending'");
  pauseOnce(ctx);
  for (const merge of inState(ctx, "landing")) notLanded(ctx, merge);
  for (const merge of inState(ctx, "changes_requested"))
    if (merge.review_post === "posting") reviewPosted(ctx, merge.bead_id, merge.head_sha, WHY);
  for (const { id } of ids(
    ctx,
    "select bead_id as id from merge_requests where state not in ('merged', 'failed')",
  ))
    schedule(ctx, "merge", id);
  for (const { id } of ids(ctx, "select bead_id as id from convoys where state in ('active', 'landing')"))
    makeBranches(ctx, id);
  for (const { id } of ids(ctx, "select id from rigs where state = 'pending'")) askForSetup(ctx, id);
  audit(ctx, {
    kind: "town.imported",
    subject: { type: "town", id: ctx.townId },
    text: `The town was imported and is paused${omitted.length === 0 ? "" : `; ${omitted.length} credential(s) have to be given again`}`,
    data: { credentials: omitted.slice(0, 200) },
  });
}

/** A pause of before keeps its own reason. */
function pauseOnce(ctx: Ctx): void {
  if (townRow(ctx).paused_at !== null) return;
  ctx.sql.run(
    "update town set paused_at = ?, paused_reason = ? where id = 1",
    ctx.now,
    "imported: give its credentials, make sure that it runs nowhere else, then resume it",
  );
}

/** Whether it did is asked first when it is tried again. */
function notLanded(ctx: Ctx, merge: MergeRow): void {
  if (merge.pending_command !== null && applyPendingCommand(ctx, merge)) return;
  backToLane(ctx, merge, 0, "merge.withdrawn", WHY);
  if (merge.strategy === "pr") readAnew(ctx, { ...merge, state: "approved" });
}

function inState(ctx: Ctx, state: string): MergeRow[] {
  return ctx.sql.all<MergeRow>("select * from merge_requests where state = ? order by bead_id", state);
}

function ids(ctx: Ctx, query: string): { id: string }[] {
  return ctx.sql.all<{ id: string }>(query);
}
