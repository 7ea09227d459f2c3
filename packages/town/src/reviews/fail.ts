/** A merge request that ends without landing: finished work is held, never redone by itself. */
import type { BeadRow } from "../beads/bead-row.ts";
import { escalate, mootEscalations } from "../escalations/escalations.ts";
import type { Ctx } from "../kernel/context.ts";
import { cancelPending } from "../outbox/outbox.ts";
import { closeSession } from "../sessions/close.ts";
import { liveSessionOfBead } from "../sessions/session-row.ts";
import { move } from "../status.ts";
import { mootFix } from "./fix-beads.ts";
import { sourceIssue, type MergeRow } from "./merge-row.ts";
import { mergeTitle, moveMerge } from "./move-merge.ts";

export interface MergeFailure {
  kind: string;
  message: string;
}

/** Failures that another landing attempt cannot mend: a convoy waits for a person too. */
export const PERSONS_DECISION: readonly string[] = ["pr_closed"];

/** `→ failed` with a kind. The source bead is open again but held, and a person is told. */
export function failMerge(ctx: Ctx, merge: MergeRow, failure: MergeFailure): void {
  end(ctx, merge, failure);
  if (merge.lands_convoy === 1 && !PERSONS_DECISION.includes(failure.kind)) return;
  const source = sourceIssue(ctx, merge);
  if (source?.status === "in_review") holdSource(ctx, source, failure);
  escalate(ctx, {
    severity: "high",
    category: failure.kind,
    subject: merge.bead_id,
    title: `${mergeTitle(ctx, merge)} could not be landed`,
    body: failure.message,
    choices: [
      { id: "retry", label: "Put it back into the queue" },
      ...(failure.kind === "no_verdict" ? [{ id: "approve", label: "Approve this head" }] : []),
      { id: "close", label: "Cancel the work" },
    ],
    source: { rigId: merge.rig_id, beadId: merge.source_id, convoyId: merge.convoy_id ?? undefined },
  });
}

/** Its source was taken away by a command: nothing is held and nobody is asked. */
export function dismissMerge(ctx: Ctx, merge: MergeRow, why: string): void {
  end(ctx, merge, { kind: "dismissed", message: why });
}

function end(ctx: Ctx, merge: MergeRow, failure: MergeFailure): void {
  ctx.sql.run(
    "update merge_requests set failure_kind = ?, failure_message = ?, question_id = null, pending_command = null, review_post = null, green_since = null where bead_id = ?",
    failure.kind,
    failure.message,
    merge.bead_id,
  );
  moveMerge(ctx, merge, {
    to: "failed",
    kind: "review.failed",
    reason: failure.kind,
    text: `${mergeTitle(ctx, merge)} was not merged: ${failure.message}`,
    data: { failure: failure.kind },
  });
  stopReview(ctx, merge, failure.message);
  mootFix(ctx, merge);
  for (const subject of [
    merge.bead_id,
    `pr:${merge.bead_id}`,
    `poll:${merge.bead_id}`,
    `post:${merge.bead_id}`,
  ])
    cancelPending(ctx, subject);
  mootEscalations(ctx, merge.bead_id);
}

/** Ends a refinery session that has this merge request. */
export function stopReview(ctx: Ctx, merge: MergeRow, why: string): void {
  const session = liveSessionOfBead(ctx, merge.bead_id);
  if (session)
    closeSession(ctx, session, { outcome: "stopped", reason: { code: "moot", message: why }, gone: false });
}

function holdSource(ctx: Ctx, source: BeadRow, failure: MergeFailure): void {
  ctx.sql.run("update beads set held = ? where id = ?", failure.kind, source.id);
  move(ctx, {
    machine: "issue",
    id: source.id,
    from: "in_review",
    to: "open",
    reason: failure.kind,
    event: {
      kind: "bead.status_changed",
      subject: { type: "bead", id: source.id },
      beadId: source.id,
      convoyId: source.convoy_id,
      rigId: source.rig_id,
      text: `${source.title} is held: ${failure.message}`,
    },
  });
}
