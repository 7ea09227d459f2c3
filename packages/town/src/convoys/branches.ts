/** The feature branches of a review-then-land convoy: one per rig (spec/review.md §5). */
import { idEnding } from "@gastown/protocol";
import type { Ctx } from "../kernel/context.ts";
import { schedule } from "../kernel/schedule.ts";
import type { Row } from "../kernel/sql.ts";
import { wakeMembers } from "../dependents.ts";
import { enqueue } from "../outbox/outbox.ts";

export type ConvoyBranchRow = Row & {
  convoy_id: string;
  rig_id: string;
  branch: string;
  state: "wanted" | "ready";
  head_sha: string | null;
  error: string | null;
};

/** A title as part of a branch name: lower case, at most 40 characters. */
function slug(title: string): string {
  const plain = title
    .normalize("NFKD")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .slice(0, 40)
    .replace(/^-+|-+$/g, "");
  return plain === "" ? "work" : plain;
}

/** `convoy/<slug>/<short id>`: what the feature branch and all work branches begin with. */
export function convoyPrefix(title: string, convoyId: string): string {
  return `convoy/${slug(title)}/${idEnding(convoyId)}`;
}

export function branchOf(ctx: Ctx, convoyId: string, rigId: string): ConvoyBranchRow | undefined {
  return ctx.sql.get<ConvoyBranchRow>(
    "select * from convoy_branches where convoy_id = ? and rig_id = ?",
    convoyId,
    rigId,
  );
}

export function branchesOf(ctx: Ctx, convoyId: string): ConvoyBranchRow[] {
  return ctx.sql.all<ConvoyBranchRow>(
    "select * from convoy_branches where convoy_id = ? order by rig_id",
    convoyId,
  );
}

export function wantBranch(ctx: Ctx, convoyId: string, rigId: string, branch: string): void {
  ctx.sql.run(
    `insert or ignore into convoy_branches (convoy_id, rig_id, branch, state) values (?, ?, ?, 'wanted')`,
    convoyId,
    rigId,
    branch,
  );
}

/** One at a time is made of a convoy in a rig. */
export function branchSubject(convoyId: string, rigId: string): string {
  return `branch:${convoyId}:${rigId}`;
}

/** Asks for every branch that is not there yet; done once the convoy is started. */
export function makeBranches(ctx: Ctx, convoyId: string): void {
  for (const row of branchesOf(ctx, convoyId)) {
    if (row.state === "ready") continue;
    enqueue(ctx, {
      kind: "branch",
      subject: branchSubject(convoyId, row.rig_id),
      key: `branch:create:${convoyId}:${row.rig_id}:${row.branch}`,
      payload: { operation: "create", convoyId, rigId: row.rig_id, branch: row.branch },
    });
  }
}

export function branchMade(ctx: Ctx, convoyId: string, rigId: string, head: string | null): void {
  ctx.sql.run(
    "update convoy_branches set state = 'ready', error = null, head_sha = coalesce(head_sha, ?) where convoy_id = ? and rig_id = ?",
    head,
    convoyId,
    rigId,
  );
  wakeMembers(ctx, convoyId);
  schedule(ctx, "convoy", convoyId);
}

export function branchFailed(ctx: Ctx, convoyId: string, rigId: string, message: string): void {
  ctx.sql.run(
    "update convoy_branches set error = ? where convoy_id = ? and rig_id = ?",
    message,
    convoyId,
    rigId,
  );
  wakeMembers(ctx, convoyId);
}

/** A member was merged into it: its head moved. */
export function branchMoved(ctx: Ctx, convoyId: string, rigId: string, head: string): void {
  ctx.sql.run(
    "update convoy_branches set head_sha = ? where convoy_id = ? and rig_id = ?",
    head,
    convoyId,
    rigId,
  );
}
