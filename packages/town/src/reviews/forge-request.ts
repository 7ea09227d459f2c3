/** What an executor needs to ask a forge; null where the cause is gone meanwhile. */
import { shortId } from "@gastown/protocol";
import type { Ctx } from "../kernel/context.ts";
import { settings } from "../config/store.ts";
import { forgeOf, type RigRow } from "../rigs/rigs.ts";
import { toRigRef } from "../sessions/launch.ts";
import type { ForgeRequest, ForgeRig } from "./forge-effects.ts";
import { laneWaits } from "./lanes.ts";
import { mergeRow, type MergeRow } from "./merge-row.ts";
import { pullRequestText } from "./open-pr.ts";
import { reviewText } from "./post-review.ts";
import { isWatched } from "./pull-request.ts";

export function forgeRequest(
  ctx: Ctx,
  kind: ForgeRequest["kind"],
  payload: { mergeId?: string | undefined; headSha?: string | undefined },
): ForgeRequest | null {
  const merge = payload.mergeId ? mergeRow(ctx, payload.mergeId) : undefined;
  const row = merge && ctx.sql.get<RigRow>("select * from rigs where id = ?", merge.rig_id);
  if (!merge || !row) return null;
  const rig: ForgeRig = { rig: toRigRef(ctx, row), forge: forgeOf(ctx, row) };
  if (kind === "poll_pull_request") return pollRequest(ctx, merge, rig);
  if (merge.head_sha !== payload.headSha) return null;
  switch (kind) {
    case "open_pull_request":
      return openRequest(ctx, merge, rig);
    case "merge_pull_request":
      return mergeRequest(ctx, merge, rig);
    default:
      return postRequest(merge, rig);
  }
}

function openRequest(ctx: Ctx, merge: MergeRow, rig: ForgeRig): ForgeRequest | null {
  if (merge.pr_url !== null || merge.state === "failed" || merge.state === "merged") return null;
  const { branch, target, head_sha: headSha } = merge;
  return { kind: "open_pull_request", ...rig, branch, target, headSha, ...pullRequestText(ctx, merge) };
}

function pollRequest(ctx: Ctx, merge: MergeRow, rig: ForgeRig): ForgeRequest | null {
  if (!isWatched(merge) || merge.pr_url === null) return null;
  return {
    kind: "poll_pull_request",
    ...rig,
    url: merge.pr_url,
    asked: { head: merge.head_sha, no: merge.read_after, at: ctx.now },
    wantLogs: settings(ctx, merge.rig_id).review.auto_resolve_feedback && merge.state === "approved",
  };
}

function mergeRequest(ctx: Ctx, merge: MergeRow, rig: ForgeRig): ForgeRequest | null {
  if (merge.state !== "landing" || merge.pr_url === null || merge.reviewed_sha === null) return null;
  const { title } = pullRequestText(ctx, merge);
  return {
    kind: "merge_pull_request",
    ...rig,
    url: merge.pr_url,
    headSha: merge.reviewed_sha,
    method: merge.method,
    withdrawn:
      merge.merge_held !== null || merge.pending_command !== null || laneWaits(ctx, merge)?.code === "held",
    title,
    message: `Bead: ${shortId(merge.source_id)}`,
  };
}

function postRequest(merge: MergeRow, rig: ForgeRig): ForgeRequest | null {
  const text = reviewText(merge);
  if (merge.review_post !== "posting" || merge.pr_url === null || text === null) return null;
  return { kind: "post_review", ...rig, url: merge.pr_url, headSha: merge.head_sha, ...text };
}
