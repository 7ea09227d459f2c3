/** From settled work to a merge request (spec/review.md §1). */
import { audit } from "../audit/audit.ts";
import { insertBead, setVersion, type BeadRow } from "../beads/bead-row.ts";
import { rigConfig, settings } from "../config/store.ts";
import type { Ctx } from "../kernel/context.ts";
import { schedule } from "../kernel/schedule.ts";
import { move } from "../status.ts";
import { forgeOf, type RigRow } from "../rigs/rigs.ts";
import { liveMergesOf, type MergeRow } from "./merge-row.ts";

export interface Submission {
  source: BeadRow;
  rigId: string;
  branch: string;
  target: string;
  headSha: string;
  /** A landing merge request: the source is the convoy itself. */
  landsConvoy: boolean;
}

/** Makes the merge request as `queued`; strategy and method are fixed now. Returns its bead id. */
export function submit(ctx: Ctx, submission: Submission): string {
  const existing = liveMergesOf(ctx, submission.source.id).find(({ rig_id }) => rig_id === submission.rigId);
  if (existing) return existing.bead_id;
  const { source } = submission;
  const id = ctx.id("bead");
  const how = landingOf(ctx, submission.rigId);
  const convoyId = submission.landsConvoy ? source.id : source.convoy_id;
  insertBead(ctx, id, {
    type: "merge_request",
    kind: null,
    title: submission.landsConvoy ? `Land ${source.title}` : source.title,
    body: source.body,
    rigId: submission.rigId,
    parentId: source.id,
    priority: source.priority,
    convoyAt: source.convoy_at,
  });
  ctx.sql.run(
    `insert into merge_requests (bead_id, source_id, convoy_id, lands_convoy, rig_id, branch, target, strategy, method,
       state, priority, convoy_at, head_sha, head_at, created_at, updated_at)
     values (?, ?, ?, ?, ?, ?, ?, ?, ?, 'queued', ?, ?, ?, ?, ?, ?)`,
    id,
    source.id,
    convoyId,
    submission.landsConvoy ? 1 : 0,
    submission.rigId,
    submission.branch,
    submission.target,
    how.strategy,
    how.method,
    source.priority,
    source.convoy_at,
    submission.headSha,
    ctx.now,
    ctx.now,
    ctx.now,
  );
  const seq = audit(ctx, {
    kind: "review.submitted",
    subject: { type: "bead", id },
    beadId: source.id,
    convoyId,
    rigId: submission.rigId,
    text: `${source.title}: ${submission.branch} waits to go into ${submission.target}`,
    data: {
      mergeRequest: id,
      headSha: submission.headSha,
      branch: submission.branch,
      target: submission.target,
    },
  });
  setVersion(ctx, id, seq);
  schedule(ctx, "merge", id);
  return id;
}

/**
 * By pull request or directly, and by which method. What a rig itself says holds; `pr` of the town is
 * for rigs that have a forge (spec/town.md §7).
 */
export function landingOf(ctx: Ctx, rigId: string): Pick<MergeRow, "strategy" | "method"> {
  const { merge_strategy, review } = settings(ctx, rigId);
  const own = rigConfig(ctx, rigId).config.merge_strategy !== undefined;
  const rig = ctx.sql.get<RigRow>("select * from rigs where id = ?", rigId);
  const hasForge = rig !== undefined && forgeOf(ctx, rig) !== "git";
  const strategy = merge_strategy === "pr" && (own || hasForge) ? "pr" : "direct";
  const method = strategy === "direct" && review.merge_method === "auto" ? "merge" : review.merge_method;
  return { strategy, method };
}

/** `in_progress → in_review`: exactly one live merge request tracks it from now on. */
export function submitWork(
  ctx: Ctx,
  bead: BeadRow,
  work: { branch: string; target: string; headSha: string },
): void {
  if (!bead.rig_id) return;
  submit(ctx, { source: bead, rigId: bead.rig_id, landsConvoy: false, ...work });
  ctx.sql.run("update beads set pushed_head = ?, work_ref = null where id = ?", work.headSha, bead.id);
  move(ctx, {
    machine: "issue",
    id: bead.id,
    from: "in_progress",
    to: "in_review",
    event: {
      kind: "bead.status_changed",
      subject: { type: "bead", id: bead.id },
      beadId: bead.id,
      convoyId: bead.convoy_id,
      rigId: bead.rig_id,
      text: `${bead.title} is in review`,
    },
  });
}
