/**
 * An open issue: decides what concerns this bead alone and marks it ready when nothing does. The
 * gates that a whole rig shares are the dispatcher's (spec/town.md §5).
 */
import { beadRow, type BeadRow } from "../beads/bead-row.ts";
import { ownWait } from "../beads/own-waits.ts";
import { storeWaiting } from "../beads/waiting.ts";
import { chargedForBead } from "../budgets/charged.ts";
import { askForMore } from "../budgets/watch.ts";
import { escalate, mootQuestionsOf } from "../escalations/escalations.ts";
import type { Ctx } from "../kernel/context.ts";
import { schedule } from "../kernel/schedule.ts";

export function beadController(ctx: Ctx, id: string): number | null {
  const bead = ctx.sql.get<BeadRow>("select * from beads where id = ?", id);
  if (!bead || bead.type !== "issue") return null;
  if (bead.status === "closed") mootQuestionsOf(ctx, bead.id);
  if (bead.status !== "open") return null;
  const waiting = ownWait(ctx, bead);
  if (waiting?.code === "blocked_by_failed")
    escalateBroken(
      ctx,
      bead,
      (waiting.ids ?? []).map((broken) => beadRow(ctx, broken)),
    );
  if (waiting?.code === "budget") askForMore(ctx, chargedForBead(ctx, bead));
  storeWaiting(ctx, bead, waiting);
  const ready = waiting === null ? 1 : 0;
  if (ready !== bead.ready) ctx.sql.run("update beads set ready = ? where id = ?", ready, id);
  if (ready === 1 && bead.rig_id) schedule(ctx, "dispatch", bead.rig_id);
  return waiting?.until ?? null;
}

function escalateBroken(ctx: Ctx, bead: BeadRow, broken: BeadRow[]): void {
  for (const blocker of broken) {
    escalate(ctx, {
      severity: "medium",
      category: "blocked_by_failed",
      subject: blocker.id,
      title: `${blocker.title} did not succeed, and other work waits for it`,
      body: `${bead.title} cannot start. Retry ${blocker.id}, waive it, or close what waits for it.`,
      choices: [
        { id: "retry", label: "Try it again" },
        { id: "waive", label: "Go on without it" },
      ],
      source: {
        rigId: blocker.rig_id ?? undefined,
        beadId: blocker.id,
        convoyId: blocker.convoy_id ?? undefined,
      },
    });
  }
}
