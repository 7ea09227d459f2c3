/** What people do with merge requests (spec/api.md §3.8). One that is landing only stores them. */
import { GastownError } from "@gastown/protocol";
import { audit } from "../audit/audit.ts";
import { blockingWait, decisive } from "../controllers/pull-requests.ts";
import { laneId } from "../dependents.ts";
import { mootEscalations } from "../escalations/escalations.ts";
import type { Ctx } from "../kernel/context.ts";
import { schedule } from "../kernel/schedule.ts";
import { requestChanges } from "./changes.ts";
import { dismissWith, storeCommand, withdraw, type DismissedSource } from "./commands.ts";
import { stopReview } from "./fail.ts";
import { laneOpens } from "./lanes.ts";
import { mootFix } from "./fix-beads.ts";
import { findMerge, type MergeRow } from "./merge-row.ts";
import { mergeTitle, moveMerge } from "./move-merge.ts";
import { pollUnderWay } from "./poll.ts";
import { isWatched, readAnew } from "./pull-request.ts";
import { storeApproval } from "./verdict-row.ts";

/** Keeps it from landing until it is released. Throws `invalid_transition` when it is over. */
export function holdMerge(ctx: Ctx, ref: string): string {
  const merge = findLive(ctx, ref);
  // To merge it now was asked for once; after a hold it is asked for anew or waits its time.
  ctx.sql.run("update merge_requests set merge_now_sha = null where bead_id = ?", merge.bead_id);
  setHeld(ctx, merge, ctx.actor.name, "merge.held", `is kept from landing by ${ctx.actor.name}`);
  if (merge.state === "landing") withdraw(ctx, merge);
  return merge.bead_id;
}

export function releaseMerge(ctx: Ctx, ref: string): string {
  const merge = findLive(ctx, ref);
  setHeld(ctx, merge, null, "merge.released", `may land again (${ctx.actor.name})`);
  return merge.bead_id;
}

function setHeld(ctx: Ctx, merge: MergeRow, held: string | null, kind: string, text: string): void {
  ctx.sql.run("update merge_requests set merge_held = ? where bead_id = ?", held, merge.bead_id);
  audit(ctx, {
    kind,
    subject: { type: "bead", id: merge.bead_id },
    beadId: merge.source_id,
    convoyId: merge.convoy_id,
    rigId: merge.rig_id,
    text: `${mergeTitle(ctx, merge)} ${text}`,
  });
  if (held === null) mootEscalations(ctx, merge.bead_id, "merge_queue_required");
  schedule(ctx, "merge", merge.bead_id);
  schedule(ctx, "lane", laneId(merge.rig_id, merge.target));
}

/** Reads its pull request now: a person asked, or a webhook said that something happened. */
export function pollNow(ctx: Ctx, ref: string): string {
  const merge = findMerge(ctx, ref);
  if (!isWatched(merge)) return merge.bead_id;
  if (pollUnderWay(ctx, merge.bead_id)) {
    readAnew(ctx, merge);
    return merge.bead_id;
  }
  ctx.sql.run("update merge_requests set next_poll_at = ? where bead_id = ?", ctx.now, merge.bead_id);
  schedule(ctx, "merge", merge.bead_id);
  return merge.bead_id;
}

/** What a webhook may be about (spec/api.md §3.4): nothing else in it is believed. */
export interface Concern {
  urls: readonly string[];
  headSha: string | null;
  branch: string | null;
}

/** The same for all of a rig that this may be about: its address, its head, or a branch that it has. */
export function pollConcerned(ctx: Ctx, rigId: string, { urls, headSha, branch }: Concern): number {
  const rows = ctx.sql.all<{ bead_id: string }>(
    `select bead_id from merge_requests where rig_id = ?1 and state not in ('merged', 'failed') and pr_url is not null
       and (pr_url in (select value from json_each(?2)) or head_sha = ?3 or branch = ?4 or target = ?4)`,
    rigId,
    JSON.stringify(urls),
    headSha,
    branch,
  );
  for (const row of rows) pollNow(ctx, row.bead_id);
  if (branch !== null) laneOpens(ctx, { rig_id: rigId, target: branch });
  return rows.length;
}

/**
 * Skips the grace period of exactly this head, and never a check. Throws `head_moved`, and
 * `invalid_transition` with what is not green.
 */
export function mergeNow(ctx: Ctx, ref: string, headSha: string): string {
  const merge = findMerge(ctx, ref);
  checkHead(merge, headSha);
  if (merge.strategy !== "pr" || merge.state !== "approved") {
    throw wrong(merge, "only an approved one with a pull request is merged by hand.");
  }
  const reading = decisive(merge);
  if (reading === null)
    throw wrong(merge, "its pull request has not been read at this head. Refresh it and try again.");
  const wait = blockingWait(ctx, merge, reading);
  if (wait !== null) throw wrong(merge, `it is not green: ${wait.message}.`, { waits: wait.code });
  ctx.sql.run("update merge_requests set merge_now_sha = ? where bead_id = ?", headSha, merge.bead_id);
  audit(ctx, {
    kind: "merge.asked",
    subject: { type: "bead", id: merge.bead_id },
    beadId: merge.source_id,
    convoyId: merge.convoy_id,
    rigId: merge.rig_id,
    text: `${ctx.actor.name} wants ${mergeTitle(ctx, merge)} merged now`,
  });
  readAnew(ctx, merge);
  return merge.bead_id;
}

/** `→ failed` (`dismissed`); the pull request stays as it is. */
export function dismissByPerson(
  ctx: Ctx,
  ref: string,
  input: { note: string; source: DismissedSource },
): string {
  const merge = findMerge(ctx, ref);
  if (merge.state === "merged") throw wrong(merge, "what has landed cannot be dismissed.");
  const text = `dismissed by ${ctx.actor.name}${input.note ? `: ${input.note}` : ""}`;
  if (merge.state === "landing") storeCommand(ctx, merge, { action: "dismiss", source: input.source, text });
  else dismissWith(ctx, merge, input.source, text);
  mootEscalations(ctx, merge.bead_id);
  return merge.bead_id;
}

export type PersonVerdict =
  | { headSha: string; verdict: "approve"; summary: string }
  | {
      headSha: string;
      verdict: "request_changes";
      feedback: string;
      files: readonly { path: string; line?: number | undefined; note?: string | undefined }[];
    };

/** A person's verdict on exactly this head, by the same rules as a refinery's. Throws `head_moved`. */
export function judgeByPerson(ctx: Ctx, ref: string, input: PersonVerdict): string {
  const merge = findLive(ctx, ref);
  checkHead(merge, input.headSha);
  if (merge.state === "landing") return verdictMeetsLanding(ctx, merge, input);
  stopReview(ctx, merge, `${ctx.actor.name} gave the verdict`);
  mootFix(ctx, merge);
  if (input.verdict === "approve") approve(ctx, merge, input.summary);
  else if (merge.state === "changes_requested") {
    throw wrong(merge, "changes are asked for already; they are worked on.");
  } else requestChanges(ctx, merge, { ...input, sessionId: null });
  return merge.bead_id;
}

function approve(ctx: Ctx, merge: MergeRow, summary: string): void {
  storeApproval(ctx, merge, summary);
  ctx.sql.run(
    "update merge_requests set question_id = null, review_post = null, recheck = null where bead_id = ?",
    merge.bead_id,
  );
  mootEscalations(ctx, merge.bead_id);
  schedule(ctx, "merge", merge.bead_id);
  // In the queue gates that have not run yet run first, and then this verdict holds.
  if (merge.state === "approved" || merge.state === "queued") return;
  moveMerge(ctx, merge, {
    to: merge.state === "changes_requested" ? "queued" : "approved",
    kind: "review.approved",
    text: `${mergeTitle(ctx, merge)} is approved by ${ctx.actor.name}`,
    data: { summary: summary.slice(0, 500) },
  });
}

function verdictMeetsLanding(ctx: Ctx, merge: MergeRow, input: PersonVerdict): string {
  if (input.verdict === "request_changes")
    storeCommand(ctx, merge, { action: "request_changes", text: input.feedback });
  return merge.bead_id;
}

function findLive(ctx: Ctx, ref: string): MergeRow {
  const merge = findMerge(ctx, ref);
  if (merge.state === "merged" || merge.state === "failed") throw wrong(merge, "it is over.");
  return merge;
}

function checkHead(merge: MergeRow, headSha: string): void {
  if (merge.head_sha === headSha) return;
  throw new GastownError(
    "head_moved",
    `Its branch stands at ${merge.head_sha.slice(0, 8)} now, not at ${headSha.slice(0, 8)}. Look at that first.`,
    { head: merge.head_sha },
  );
}

function wrong(merge: MergeRow, what: string, details: Record<string, unknown> = {}): GastownError {
  return new GastownError(
    "invalid_transition",
    `This merge request is ${merge.state.replace("_", " ")}; ${what}`,
    { from: merge.state, ...details },
  );
}
