/** A convoy: lands when all its members are done; a broken member holds it (spec/review.md §5). */
import { beadRow } from "../beads/bead-row.ts";
import { isBroken } from "../beads/done.ts";
import { readWaiting } from "../beads/waiting.ts";
import { branchesOf, makeBranches, type ConvoyBranchRow } from "../convoys/branches.ts";
import { convoyRow, members, moveConvoy, type ConvoyRow } from "../convoys/convoys.ts";
import { progress, type Progress } from "../convoys/progress.ts";
import { escalate, mootEscalations } from "../escalations/escalations.ts";
import { MINUTE, SECOND, type Ctx } from "../kernel/context.ts";
import { tellNotifiers } from "../notify/tell.ts";
import { PERSONS_DECISION } from "../reviews/fail.ts";
import type { MergeRow } from "../reviews/merge-row.ts";
import { submit } from "../reviews/submit.ts";
import type { RigRow } from "../rigs/rigs.ts";
import { audit } from "../audit/audit.ts";

const MAX_LANDING_ATTEMPTS = 5;
const BRANCH_RETRY = 5 * MINUTE;

export function convoyController(ctx: Ctx, id: string): number | null {
  const convoy = convoyRow(ctx, id);
  if (convoy?.state === "active") return active(ctx, convoy);
  if (convoy?.state === "landing") return land(ctx, id);
  return null;
}

function active(ctx: Ctx, convoy: ConvoyRow): number | null {
  const now = progress(ctx, convoy.bead_id);
  recordProgress(ctx, convoy, now);
  if (now.failed > 0) hold(ctx, convoy);
  else mootEscalations(ctx, convoy.bead_id, "convoy_held");
  if (now.total > 0 && now.done === now.total) {
    moveConvoy(ctx, convoy, "landing", { kind: "convoy.landing", text: "all beads are done, it lands now" });
    return land(ctx, convoy.bead_id);
  }
  return retryBranches(ctx, convoy);
}

function recordProgress(ctx: Ctx, convoy: ConvoyRow, now: Progress): void {
  const last = ctx.sql.get<{ to_state: string | null }>(
    "select to_state from audit where convoy_id = ? and kind = 'convoy.progress' order by seq desc limit 1",
    convoy.bead_id,
  );
  const text = `${now.done}/${now.total}`;
  if (now.done === 0 || last?.to_state === text) return;
  audit(ctx, {
    kind: "convoy.progress",
    subject: { type: "bead", id: convoy.bead_id },
    convoyId: convoy.bead_id,
    to: text,
    text: `Convoy ${beadRow(ctx, convoy.bead_id).title}: ${text} done`,
    data: { done: now.done, total: now.total, failed: now.failed },
  });
}

function hold(ctx: Ctx, convoy: ConvoyRow): void {
  const broken = members(ctx, convoy.bead_id).filter(isBroken);
  const names = broken.map((bead) => bead.title).join(", ");
  escalate(ctx, {
    severity: "high",
    category: "convoy_held",
    subject: convoy.bead_id,
    title: `Convoy ${beadRow(ctx, convoy.bead_id).title} waits for a decision`,
    body: `${names} did not succeed. Retry it, go on without it (waive), or close the convoy.`,
    choices: [
      // A bead that was cancelled is final.
      ...(broken.some(({ status }) => status === "failed")
        ? [{ id: "retry", label: "Try the failed beads again" }]
        : []),
      { id: "waive", label: "Go on without them" },
      { id: "close", label: "Close the convoy" },
    ],
    source: { convoyId: convoy.bead_id },
  });
}

/** A feature branch that could not be made is asked for again. */
function retryBranches(ctx: Ctx, convoy: ConvoyRow): number | null {
  const failed = branchesOf(ctx, convoy.bead_id).filter(
    (row) => row.state === "wanted" && row.error !== null,
  );
  if (failed.length === 0) return null;
  if (convoy.cooldown_until > ctx.now) return convoy.cooldown_until;
  ctx.sql.run(
    "update convoys set cooldown_until = ? where bead_id = ?",
    ctx.now + BRANCH_RETRY,
    convoy.bead_id,
  );
  makeBranches(ctx, convoy.bead_id);
  return ctx.now + BRANCH_RETRY;
}

/** One landing merge request per rig whose feature branch has something; rigs land independently. */
function land(ctx: Ctx, convoyId: string): number | null {
  const convoy = convoyRow(ctx, convoyId);
  if (convoy?.state !== "landing") return null;
  const branches = branchesOf(ctx, convoyId).filter((row) => addsSomething(ctx, row));
  const states = branches.map((branch) => ({ branch, merge: latestLanding(ctx, convoyId, branch.rig_id) }));
  const failed = states.filter(({ merge }) => merge?.state === "failed");
  // Somebody closed it: that is a decision, and another attempt would only overrule it.
  const decided = failed.some(({ merge }) => PERSONS_DECISION.includes(merge?.failure_kind ?? ""));
  if (failed.length > 0 && (decided || states.some(({ merge }) => waitsForApproval(merge)))) return null;
  if (failed.length > 0)
    return landAgain(
      ctx,
      convoy,
      failed.map(({ branch }) => branch),
    );
  for (const { branch, merge } of states) if (!merge) ask(ctx, convoy, branch);
  if (states.some(({ merge }) => merge?.state !== "merged")) return null;
  ctx.sql.run("update convoys set landed_at = ? where bead_id = ?", ctx.now, convoyId);
  const landed = { kind: "convoy.landed", reason: "landed", text: "landed" };
  const seq = moveConvoy(ctx, convoy, "landed", landed);
  tellNotifiers(ctx, { event: "convoy.landed", severity: "low", seq });
  mootEscalations(ctx, convoyId);
  return null;
}

/** A rig whose feature branch adds nothing needs no landing. */
function addsSomething(ctx: Ctx, branch: ConvoyBranchRow): boolean {
  if (branch.head_sha === null) return false;
  const merged = ctx.sql.get<{ bead_id: string }>(
    "select bead_id from merge_requests where convoy_id = ? and rig_id = ? and lands_convoy = 0 and state = 'merged' limit 1",
    branch.convoy_id,
    branch.rig_id,
  );
  return merged !== undefined;
}

/** A landing that waits for an approval is not stuck: nothing is tried again meanwhile. */
function waitsForApproval(merge: MergeRow | undefined): boolean {
  return merge?.state === "approved" && readWaiting(merge.waiting)?.code === "approval";
}

function latestLanding(ctx: Ctx, convoyId: string, rigId: string): MergeRow | undefined {
  return ctx.sql.get<MergeRow>(
    `select * from merge_requests where source_id = ? and rig_id = ? and lands_convoy = 1
     order by created_at desc, bead_id desc limit 1`,
    convoyId,
    rigId,
  );
}

function ask(ctx: Ctx, convoy: ConvoyRow, branch: ConvoyBranchRow): void {
  const rig = ctx.sql.get<RigRow>("select * from rigs where id = ?", branch.rig_id);
  if (!rig || branch.head_sha === null) return;
  submit(ctx, {
    source: beadRow(ctx, convoy.bead_id),
    rigId: rig.id,
    branch: branch.branch,
    target: rig.default_branch ?? "main",
    headSha: branch.head_sha,
    landsConvoy: true,
  });
}

/** Waits min(2ⁿ × 30 s, 30 min) between attempts; after the fifth the convoy has failed. */
function landAgain(ctx: Ctx, convoy: ConvoyRow, failed: ConvoyBranchRow[]): number | null {
  if (convoy.cooldown_until > ctx.now && convoy.landing_attempts > 0) return convoy.cooldown_until;
  const counted = ctx.sql.get<{ n: number }>(
    "select count(*) as n from merge_requests where source_id = ? and lands_convoy = 1 and state = 'failed'",
    convoy.bead_id,
  );
  const attempts = (counted?.n ?? 0) - convoy.landings_forgiven;
  if (attempts >= MAX_LANDING_ATTEMPTS) return giveUp(ctx, convoy);
  if (attempts > convoy.landing_attempts) {
    const wait = Math.min(2 ** attempts * 30 * SECOND, 30 * MINUTE);
    ctx.sql.run(
      "update convoys set landing_attempts = ?, cooldown_until = ? where bead_id = ?",
      attempts,
      ctx.now + wait,
      convoy.bead_id,
    );
    return ctx.now + wait;
  }
  for (const branch of failed) ask(ctx, convoy, branch);
  return null;
}

function giveUp(ctx: Ctx, convoy: ConvoyRow): null {
  moveConvoy(ctx, convoy, "failed", {
    kind: "convoy.failed",
    reason: "landing_attempts",
    text: `could not be landed in ${MAX_LANDING_ATTEMPTS} attempts`,
  });
  escalate(ctx, {
    severity: "high",
    category: "convoy_failed",
    subject: convoy.bead_id,
    title: `Convoy ${beadRow(ctx, convoy.bead_id).title} could not be landed`,
    body: "Its work is on its feature branch. Look at why the landings failed, then retry or close it.",
    choices: [
      { id: "retry", label: "Try to land it again" },
      { id: "close", label: "Close the convoy" },
    ],
    source: { convoyId: convoy.bead_id },
  });
  return null;
}
