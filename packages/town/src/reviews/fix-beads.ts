/**
 * Fix beads: rework and conflicts, at most one live per merge request. They push to its branch, and
 * what they push is looked at anew (spec/review.md §1, §2).
 */
import type { BeadKind } from "@gastown/protocol";
import { audit } from "../audit/audit.ts";
import { closeBead } from "../beads/attempts.ts";
import { insertBead, setVersion, type BeadRow } from "../beads/bead-row.ts";
import { settings } from "../config/store.ts";
import { escalate } from "../escalations/escalations.ts";
import type { Ctx } from "../kernel/context.ts";
import { schedule } from "../kernel/schedule.ts";
import { closeSession } from "../sessions/close.ts";
import { liveSessionOfBead } from "../sessions/session-row.ts";
import { mergeRow, type MergeRow } from "./merge-row.ts";
import { mergeTitle, mergeWaits, moveMerge } from "./move-merge.ts";

export interface WorkOrder {
  kind: Extract<BeadKind, "rework" | "conflict">;
  text: string;
  files: { path: string; line?: number | undefined; note?: string | undefined }[];
}

const TITLES: Record<WorkOrder["kind"], string> = { rework: "Rework", conflict: "Resolve the conflict of" };

/**
 * Sends a merge request back with a work order: one fix bead on its branch, or, when its rounds are
 * spent, a question to a person. Returns the fix bead's id, or null where a person is asked.
 */
export function sendBack(
  ctx: Ctx,
  merge: MergeRow,
  order: WorkOrder,
  event: { kind: string; text: string },
): string | null {
  const rounds = merge.change_rounds + (order.kind === "rework" ? 1 : 0);
  ctx.sql.run("update merge_requests set change_rounds = ? where bead_id = ?", rounds, merge.bead_id);
  const spent = rounds > settings(ctx, merge.rig_id).review.max_change_rounds;
  moveMerge(ctx, merge, { to: "changes_requested", ...event, data: { round: rounds } });
  if (spent) {
    ask(
      ctx,
      merge,
      "rounds_exhausted",
      `${rounds - 1} rounds of changes were not enough. The last request: ${order.text}`,
    );
    return null;
  }
  return makeFix(ctx, merge, order);
}

function makeFix(ctx: Ctx, merge: MergeRow, order: WorkOrder): string {
  const source = ctx.sql.get<BeadRow>("select * from beads where id = ?", merge.source_id);
  const id = ctx.id("bead");
  const title = `${TITLES[order.kind]} ${source?.title ?? merge.branch}`.slice(0, 300);
  insertBead(ctx, id, {
    type: "issue",
    kind: order.kind,
    title,
    body: order.text,
    rigId: merge.rig_id,
    parentId: merge.bead_id,
    priority: merge.priority,
    metadata: { workOrder: order },
    convoyAt: merge.convoy_at,
  });
  ctx.sql.run(
    "insert or ignore into dependencies (from_id, to_id, kind) values (?, ?, 'blocks')",
    merge.bead_id,
    id,
  );
  ctx.sql.run("update merge_requests set fix_bead_id = ? where bead_id = ?", id, merge.bead_id);
  const seq = audit(ctx, {
    kind: "bead.created",
    subject: { type: "bead", id },
    beadId: id,
    convoyId: merge.convoy_id,
    rigId: merge.rig_id,
    text: title,
    data: { kind: order.kind, mergeRequest: merge.bead_id },
  });
  setVersion(ctx, id, seq);
  schedule(ctx, "bead", id);
  return id;
}

/** The fix was pushed: the bead closes and its merge request is queued at the new head. */
export function fixPushed(ctx: Ctx, bead: BeadRow, merge: MergeRow, headSha: string): void {
  ctx.sql.run(
    "update merge_requests set head_sha = ?, fix_bead_id = null where bead_id = ?",
    headSha,
    merge.bead_id,
  );
  closeBead(ctx, bead, "pushed", `${bead.title}: pushed`);
  const current = mergeRow(ctx, merge.bead_id);
  if (current?.state !== "changes_requested") return;
  moveMerge(ctx, current, {
    to: "queued",
    kind: "review.submitted",
    text: `${mergeTitle(ctx, merge)} is back with changes`,
    data: { headSha },
  });
}

/** The fix ended without a new head: its cause is still there, so a person is asked. */
export function fixChangedNothing(ctx: Ctx, bead: BeadRow, merge: MergeRow, why: string): void {
  closeBead(ctx, bead, "no_changes", `${bead.title}: nothing was changed`);
  ctx.sql.run("update merge_requests set fix_bead_id = null where bead_id = ?", merge.bead_id);
  ask(ctx, merge, "fix_without_change", `${bead.title} ended without a change: ${why}`);
}

/** However its merge request ends, what was to repair it is over. */
export function mootFix(ctx: Ctx, merge: MergeRow): void {
  if (!merge.fix_bead_id) return;
  const bead = ctx.sql.get<BeadRow>("select * from beads where id = ?", merge.fix_bead_id);
  ctx.sql.run("update merge_requests set fix_bead_id = null where bead_id = ?", merge.bead_id);
  if (!bead || bead.status === "closed" || bead.status === "failed") return;
  const session = liveSessionOfBead(ctx, bead.id);
  closeBead(ctx, bead, "moot", `${bead.title}: no longer needed`);
  if (session)
    closeSession(ctx, session, {
      outcome: "stopped",
      reason: { code: "moot", message: "its merge request ended" },
      gone: false,
    });
}

/** A question to a person; the merge request waits for the answer. */
export function ask(ctx: Ctx, merge: MergeRow, category: string, body: string): void {
  const id = escalate(ctx, {
    severity: "medium",
    category,
    subject: merge.bead_id,
    title: `${mergeTitle(ctx, merge)}: what should become of this change?`,
    body,
    choices: [
      { id: "retry", label: "Look at it again" },
      { id: "approve", label: "Approve this head" },
      { id: "close", label: "Drop it" },
    ],
    source: { rigId: merge.rig_id, beadId: merge.source_id, convoyId: merge.convoy_id ?? undefined },
  });
  ctx.sql.run("update merge_requests set question_id = ? where bead_id = ?", id, merge.bead_id);
  mergeWaits(ctx, merge, { code: "question", message: body.slice(0, 500), ids: [id] });
}
