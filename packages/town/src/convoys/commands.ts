/** What people and the mayor do with convoys (spec/api.md §3.7). */
import { GastownError } from "@gastown/protocol";
import { closeIssue, retryIssue } from "../beads/commands.ts";
import { findBead } from "../beads/bead-row.ts";
import { mootEscalations } from "../escalations/escalations.ts";
import { schedule } from "../kernel/schedule.ts";
import type { Ctx } from "../kernel/context.ts";
import { storeCommand } from "../reviews/commands.ts";
import { dismissMerge } from "../reviews/fail.ts";
import { liveMergesOf } from "../reviews/merge-row.ts";
import { findConvoy, members, moveConvoy } from "./convoys.ts";

/** A failed or open member counts as done. */
export function waiveMember(ctx: Ctx, convoyRef: string, beadRef: string, note: string): string {
  const convoy = findConvoy(ctx, convoyRef);
  const bead = findBead(ctx, beadRef);
  if (bead.convoy_id !== convoy.bead_id)
    throw new GastownError("not_found", `${beadRef} is not a bead of this convoy.`);
  if (convoy.state === "landed" || convoy.state === "closed") throw finished(convoy.state);
  closeIssue(ctx, bead.id, "waived", note);
  return convoy.bead_id;
}

/** Retries the failed members, or the landing where all are done. */
export function retryConvoy(ctx: Ctx, ref: string): string {
  const convoy = findConvoy(ctx, ref);
  if (convoy.state === "landed" || convoy.state === "closed") throw finished(convoy.state);
  if (convoy.state === "failed") {
    ctx.sql.run(
      `update convoys set landing_attempts = 0, cooldown_until = 0, landings_forgiven =
         (select count(*) from merge_requests where source_id = ?1 and lands_convoy = 1 and state = 'failed')
       where bead_id = ?1`,
      convoy.bead_id,
    );
    moveConvoy(ctx, convoy, "active", { kind: "convoy.started", text: "is tried again" });
  }
  for (const bead of members(ctx, convoy.bead_id)) {
    if (bead.status === "failed" && bead.waived === 0) retryIssue(ctx, bead.id, { fresh: false, note: "" });
  }
  mootEscalations(ctx, convoy.bead_id);
  // A cancelled member cannot be tried again: what still holds the convoy is asked about anew.
  schedule(ctx, "convoy", convoy.bead_id);
  return convoy.bead_id;
}

/** Live members are stopped with their work saved and closed as cancelled; branches stay. */
export function closeConvoy(ctx: Ctx, ref: string, note: string): string {
  const convoy = findConvoy(ctx, ref);
  if (convoy.state === "landed" || convoy.state === "closed") return convoy.bead_id;
  const text = "its convoy was closed";
  for (const landing of liveMergesOf(ctx, convoy.bead_id)) {
    if (landing.state === "landing")
      storeCommand(ctx, landing, { action: "close", reason: "cancelled", text });
    else dismissMerge(ctx, landing, text);
  }
  moveConvoy(ctx, convoy, "closed", {
    kind: "convoy.closed",
    reason: "cancelled",
    text: `closed by ${ctx.actor.name}${note ? `: ${note}` : ""}`,
  });
  for (const bead of members(ctx, convoy.bead_id)) {
    if (bead.status !== "closed" && bead.status !== "failed")
      closeIssue(ctx, bead.id, "cancelled", "its convoy was closed");
  }
  mootEscalations(ctx, convoy.bead_id);
  return convoy.bead_id;
}

function finished(state: string): GastownError {
  return new GastownError("convoy_finished", `This convoy is ${state}; it cannot be changed any more.`);
}
