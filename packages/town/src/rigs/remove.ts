/** Taking a repository out of the town; its name is free at once (spec/api.md §3.4). */
import { GastownError } from "@gastown/protocol";
import { audit } from "../audit/audit.ts";
import { closeIssue } from "../beads/commands.ts";
import { forgetSecrets } from "../credentials/store.ts";
import type { Ctx } from "../kernel/context.ts";
import { unschedule } from "../kernel/schedule.ts";
import { cancelPending } from "../outbox/outbox.ts";
import { dismissMerge } from "../reviews/fail.ts";
import type { MergeRow } from "../reviews/merge-row.ts";
import { findRig } from "./rigs.ts";

/** Throws `has_live_work` unless `force`, which cancels its unfinished beads (their work is saved). */
export function removeRig(ctx: Ctx, ref: string, force: boolean): void {
  const rig = findRig(ctx, ref);
  const live = ctx.sql.all<{ id: string; type: string }>(
    "select id, type from beads where rig_id = ? and status in ('open', 'in_progress', 'in_review')",
    rig.id,
  );
  if (live.length > 0 && !force) {
    throw new GastownError(
      "has_live_work",
      `Rig ${rig.name} has ${live.length} unfinished bead(s). Close them, or remove it with --force.`,
      { beads: live.slice(0, 50).map((bead) => bead.id) },
    );
  }
  for (const bead of live.filter((row) => row.type === "issue")) {
    closeIssue(ctx, bead.id, "cancelled", `its rig ${rig.name} was removed`);
  }
  for (const merge of adoptedMerges(ctx, rig.id)) dismissMerge(ctx, merge, `its rig ${rig.name} was removed`);
  ctx.sql.run("delete from config where scope = ?", rig.id);
  forgetSecrets(ctx, rig.id);
  ctx.sql.run("delete from rigs where id = ?", rig.id);
  unschedule(ctx, "dispatch", rig.id);
  unschedule(ctx, "rig", rig.id);
  cancelPending(ctx, rig.id);
  audit(ctx, {
    kind: "rig.deleted",
    subject: { type: "rig", id: rig.id },
    rigId: rig.id,
    text: `Rig ${rig.name} removed`,
  });
}

/** Pull requests that people gave to the town: no issue's end is theirs. */
function adoptedMerges(ctx: Ctx, rigId: string): MergeRow[] {
  return ctx.sql.all<MergeRow>(
    "select * from merge_requests where rig_id = ? and adopted = 1 and state not in ('merged', 'failed')",
    rigId,
  );
}
