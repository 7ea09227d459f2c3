/**
 * Fix beads: rework, feedback and conflicts, at most one live per merge request. They push to its
 * branch, and what they push is looked at anew (spec/review.md §1, §2).
 */
import { GastownError, type BeadKind } from "@gastown/protocol";
import { audit } from "../audit/audit.ts";
import { closeBead } from "../beads/attempts.ts";
import { insertBead, setVersion, type BeadRow } from "../beads/bead-row.ts";
import { settings } from "../config/store.ts";
import { branchMoved } from "../convoys/branches.ts";
import { escalate, mootEscalations } from "../escalations/escalations.ts";
import type { Ctx } from "../kernel/context.ts";
import { fromJson, toJson } from "../kernel/json.ts";
import { schedule } from "../kernel/schedule.ts";
import { closeSession } from "../sessions/close.ts";
import { liveSessionOfBead } from "../sessions/session-row.ts";
import { z } from "zod";
import { mergeRow, type FixCause, type MergeRow } from "./merge-row.ts";
import { mergeTitle, mergeWaits, moveMerge } from "./move-merge.ts";
import { setHead } from "./pull-request.ts";

export interface WorkOrder {
  kind: Extract<BeadKind, "rework" | "feedback" | "conflict">;
  /** What has to be gone when it ends without a change. */
  cause: FixCause;
  text: string;
  files: { path: string; line?: number | undefined; note?: string | undefined }[];
}

/** Characters of a question that tells a whole history. */
const MAX_QUESTION = 20_000;

const TITLES: Record<WorkOrder["kind"], string> = {
  rework: "Rework",
  feedback: "Answer the feedback on",
  conflict: "Resolve the conflict of",
};

/** Everything that the reviews of one merge request asked for, oldest first. */
const roundsSchema = z.array(
  z.object({ headSha: z.string(), kind: z.string(), text: z.string(), fixBeadId: z.string().nullable() }),
);

export function roundsOf(merge: MergeRow): z.infer<typeof roundsSchema> {
  return fromJson(roundsSchema, merge.rounds) ?? [];
}

/**
 * Sends a merge request back with a work order: one fix bead on its branch, or, when its rounds are
 * spent, a question to a person. Returns the fix bead's id, or null where a person is asked.
 */
export function sendBack(
  ctx: Ctx,
  merge: MergeRow,
  order: WorkOrder,
  event: { kind: string; text: string; data?: Record<string, unknown> },
  begin: (ctx: Ctx, merge: MergeRow, order: WorkOrder) => string | null = makeFix,
): string | null {
  const { review } = settings(ctx, merge.rig_id);
  const changes = merge.change_rounds + (order.kind === "rework" ? 1 : 0);
  const feedback = merge.feedback_rounds + (order.kind === "feedback" ? 1 : 0);
  const conflicts = merge.conflict_rounds + (order.kind === "conflict" ? 1 : 0);
  ctx.sql.run(
    "update merge_requests set change_rounds = ?, feedback_rounds = ?, conflict_rounds = ? where bead_id = ?",
    changes,
    feedback,
    conflicts,
    merge.bead_id,
  );
  const round = { rework: changes, feedback, conflict: conflicts }[order.kind];
  moveMerge(ctx, merge, { to: "changes_requested", ...event, data: { round, ...event.data } });
  const most = order.kind === "feedback" ? review.max_feedback_rounds : review.max_change_rounds;
  if (round > most) {
    const history = roundsOf(merge).map((one, n) => `${n + 1}. at ${one.headSha.slice(0, 8)}: ${one.text}`);
    const body = `${round - 1} rounds of changes were not enough. The last request: ${order.text}`;
    ask(ctx, merge, "rounds_exhausted", [body, ...history].join("\n\n").slice(0, MAX_QUESTION));
    return null;
  }
  if (merge.recheck === order.cause) {
    ask(
      ctx,
      merge,
      "fix_without_change",
      `A fix bead ended without a change, and its cause is still there: ${order.text}`,
    );
    return null;
  }
  if (merge.can_push === 0) {
    ask(
      ctx,
      merge,
      "cannot_push",
      `The town cannot push to ${merge.branch}, so nobody here can do this: ${order.text}`,
    );
    return null;
  }
  return begin(ctx, merge, order);
}

export function makeFix(ctx: Ctx, merge: MergeRow, order: WorkOrder): string {
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
    model: source?.model,
    runtime: source?.runtime,
  });
  blockBy(ctx, merge, id);
  const rounds = [
    ...roundsOf(merge),
    { headSha: merge.head_sha, kind: order.kind, text: order.text.slice(0, 2_000), fixBeadId: id },
  ];
  ctx.sql.run(
    "update merge_requests set fix_bead_id = ?, fix_cause = ?, rounds = ? where bead_id = ?",
    id,
    order.cause,
    toJson(rounds.slice(-40)),
    merge.bead_id,
  );
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
  setHead(ctx, merge, headSha);
  ctx.sql.run("update merge_requests set fix_bead_id = null where bead_id = ?", merge.bead_id);
  // What is landed next begins at the feature branch's own head.
  if (merge.lands_convoy === 1) branchMoved(ctx, merge.source_id, merge.rig_id, headSha);
  closeBead(ctx, bead, "pushed", `${bead.title}: pushed`);
  backToQueue(ctx, merge, "is back with changes", { headSha });
}

/**
 * The fix ended without a new head: threads only answered, or nothing to do. Its cause is looked at once
 * more, and where it is still there a person is asked (`recheck` in `sendBack`). A reviewer's verdict
 * does not change by itself, so there the question comes at once.
 */
export function fixChangedNothing(ctx: Ctx, bead: BeadRow, merge: MergeRow, why: string): void {
  closeBead(ctx, bead, "no_changes", `${bead.title}: nothing was changed`);
  const cause = merge.fix_cause ?? "verdict";
  ctx.sql.run("update merge_requests set fix_bead_id = null where bead_id = ?", merge.bead_id);
  if (cause === "verdict") {
    ask(ctx, merge, "fix_without_change", `${bead.title} ended without a change: ${why}`);
    return;
  }
  ctx.sql.run(
    "update merge_requests set recheck = ?1, gates_head = case when ?1 = 'gates' then null else gates_head end where bead_id = ?2",
    cause,
    merge.bead_id,
  );
  backToQueue(ctx, merge, "is looked at once more", { why: why.slice(0, 500) });
}

function backToQueue(ctx: Ctx, merge: MergeRow, what: string, data: Record<string, unknown>): void {
  const current = mergeRow(ctx, merge.bead_id);
  if (current?.state !== "changes_requested") return;
  moveMerge(ctx, current, {
    to: "queued",
    kind: "review.submitted",
    text: `${mergeTitle(ctx, merge)} ${what}`,
    data,
  });
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

/**
 * Its merge request waits for it no more: a person decides instead. The edge goes too, or a broken fix
 * would keep what that person lets through from ever landing.
 */
export function forgetFix(ctx: Ctx, merge: MergeRow, fixId: string): void {
  ctx.sql.run("update merge_requests set fix_bead_id = null where bead_id = ?", merge.bead_id);
  // One question about it is enough: that of its merge request.
  mootEscalations(ctx, fixId);
  ctx.sql.run(
    "delete from dependencies where from_id = ? and to_id = ? and kind = 'blocks'",
    merge.bead_id,
    fixId,
  );
}

/**
 * A broken fix is tried again: its merge request waits for it anew, and not for the answer to the question
 * that it had led to. Throws `invalid_transition` where that waits for nothing of the sort any more, as
 * nobody would take what it pushes.
 */
export function waitForFixAgain(ctx: Ctx, bead: BeadRow): void {
  const merge = bead.parent_id === null ? undefined : mergeRow(ctx, bead.parent_id);
  if (merge?.fix_bead_id === bead.id) return;
  const last = merge === undefined ? undefined : roundsOf(merge).at(-1)?.fixBeadId;
  if (merge?.state !== "changes_requested" || merge.question_id === null || last !== bead.id) {
    throw new GastownError(
      "invalid_transition",
      `${bead.title}: its merge request ${merge ? `is ${merge.state.replace("_", " ")} and ` : ""}no longer waits for it.`,
      { from: bead.status },
    );
  }
  ctx.sql.run(
    "update merge_requests set fix_bead_id = ?, question_id = null where bead_id = ?",
    bead.id,
    merge.bead_id,
  );
  blockBy(ctx, merge, bead.id);
  mootEscalations(ctx, merge.bead_id);
  schedule(ctx, "merge", merge.bead_id);
}

function blockBy(ctx: Ctx, merge: MergeRow, fixId: string): void {
  ctx.sql.run(
    "insert or ignore into dependencies (from_id, to_id, kind) values (?, ?, 'blocks')",
    merge.bead_id,
    fixId,
  );
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
