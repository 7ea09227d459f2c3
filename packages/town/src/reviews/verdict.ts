/** Verdicts: exactly one per review, for exactly one head (spec/review.md §2, spec/api.md §4.3). */
import { GastownError } from "@gastown/protocol";
import type { Ctx } from "../kernel/context.ts";
import { closeSession } from "../sessions/close.ts";
import type { SessionRow } from "../sessions/session-row.ts";
import { requestChanges } from "./changes.ts";
import { mergeRow, verdictOf, type MergeRow } from "./merge-row.ts";
import { mergeTitle, moveMerge } from "./move-merge.ts";
import { storeVerdict } from "./verdict-row.ts";

export type VerdictInput =
  | { kind: "approve"; summary: string }
  | {
      kind: "request_changes";
      feedback: string;
      files: { path: string; line?: number | undefined; note?: string | undefined }[];
    };

export interface VerdictResult {
  headSha: string;
  reworkBeadId: string | null;
  repeated: boolean;
}

/** Throws `outcome_recorded` for another verdict of the same session, `head_moved` for another head. */
export function giveVerdict(ctx: Ctx, session: SessionRow, verdict: VerdictInput): VerdictResult {
  const merge = session.bead_id ? mergeRow(ctx, session.bead_id) : undefined;
  if (!merge)
    throw new GastownError("not_found", "The merge request of this review no longer exists. Stop now.");
  const recorded = verdictOf(merge);
  if (recorded?.sessionId === session.id) return repeat(recorded, verdict);
  if (session.state === "ended") throw fenced();
  if (merge.head_sha !== session.start_point) {
    throw new GastownError(
      "head_moved",
      `The branch has moved to ${merge.head_sha.slice(0, 8)} while you reviewed ${session.start_point?.slice(0, 8) ?? "it"}. This review is over; a new one follows. Stop now.`,
      { head: merge.head_sha },
    );
  }
  if (merge.state !== "reviewing") {
    throw new GastownError(
      "invalid_transition",
      `This merge request is ${merge.state.replace("_", " ")}, not under review. Stop now.`,
    );
  }
  return verdict.kind === "approve"
    ? approve(ctx, session, merge, verdict.summary)
    : sendBackToWork(ctx, session, merge, verdict);
}

function repeat(
  recorded: { kind: string; headSha: string; reworkBeadId?: string | null | undefined },
  verdict: VerdictInput,
): VerdictResult {
  if (recorded.kind === verdict.kind) {
    return { headSha: recorded.headSha, reworkBeadId: recorded.reworkBeadId ?? null, repeated: true };
  }
  throw new GastownError(
    "outcome_recorded",
    `This review has its verdict already: ${recorded.kind.replace("_", " ")}. It cannot be changed; stop now.`,
    { recorded: recorded.kind },
  );
}

function approve(ctx: Ctx, session: SessionRow, merge: MergeRow, summary: string): VerdictResult {
  storeVerdict(ctx, merge, {
    kind: "approve",
    summary,
    headSha: merge.head_sha,
    at: ctx.now,
    sessionId: session.id,
  });
  ctx.sql.run(
    "update merge_requests set reviewed_sha = head_sha, review_failures = 0 where bead_id = ?",
    merge.bead_id,
  );
  moveMerge(ctx, merge, {
    to: "approved",
    kind: "review.approved",
    text: `${mergeTitle(ctx, merge)} is approved at ${merge.head_sha.slice(0, 8)}`,
    data: { summary: summary.slice(0, 500) },
  });
  closeSession(ctx, session, { outcome: "approved", reason: { code: "approved", message: "" }, gone: false });
  return { headSha: merge.head_sha, reworkBeadId: null, repeated: false };
}

function sendBackToWork(
  ctx: Ctx,
  session: SessionRow,
  merge: MergeRow,
  verdict: Extract<VerdictInput, { kind: "request_changes" }>,
): VerdictResult {
  const { feedback, files } = verdict;
  const reworkBeadId = requestChanges(ctx, merge, { feedback, files, sessionId: session.id });
  closeSession(ctx, session, {
    outcome: "changes_requested",
    reason: { code: "changes_requested", message: "" },
    gone: false,
  });
  return { headSha: merge.head_sha, reworkBeadId, repeated: false };
}

function fenced(): GastownError {
  return new GastownError(
    "session_fenced",
    "This session is over and its work is saved. Stop now; nothing you do is kept.",
  );
}
