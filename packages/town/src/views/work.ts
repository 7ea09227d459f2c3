/** Sessions, merge requests and convoys in the shapes that people and scripts see. */
import {
  failureReason,
  shortId,
  type Convoy,
  type ConvoyDetail,
  type MergeRequest,
  type Session,
} from "@gastown/protocol";
import type { BeadRow } from "../beads/bead-row.ts";
import { waves } from "../beads/dependencies.ts";
import { branchesOf } from "../convoys/branches.ts";
import { members, type ConvoyRow } from "../convoys/convoys.ts";
import { progress } from "../convoys/progress.ts";
import { laneId } from "../dependents.ts";
import type { Ctx } from "../kernel/context.ts";
import { iso, isoOrNull } from "../kernel/iso.ts";
import { fromJson } from "../kernel/json.ts";
import { gatesOf, latestMergeOf, verdictOf, type MergeRow } from "../reviews/merge-row.ts";
import { roundsOf } from "../reviews/fix-beads.ts";
import { mergeTitle } from "../reviews/move-merge.ts";
import { isWatched, readingOf } from "../reviews/pull-request.ts";
import type { SessionRow } from "../sessions/session-row.ts";
import { toBead } from "./beads.ts";
import { positionOf } from "./lanes.ts";
import { logsOf } from "../sessions/logs.ts";
import { sessionWait } from "../sessions/session-wait.ts";
import { usageOf } from "./usage.ts";
import { mergeWaiting, waitingOf } from "./waiting.ts";

export function toSession(ctx: Ctx, row: SessionRow): Session {
  const agent = ctx.sql.get<{ name: string }>("select name from agents where id = ?", row.agent_id);
  const reason = fromJson(failureReason, row.reason);
  const waitingOn = sessionWait(ctx, row);
  return {
    id: row.id,
    agentId: row.agent_id,
    agentName: agent?.name ?? row.agent_id,
    role: row.role,
    beadId: row.bead_id,
    rigId: row.rig_id,
    epoch: row.epoch,
    state: row.state,
    busy: row.busy === 1,
    outcome: row.outcome,
    reason: reason && {
      code: reason.code,
      ...(reason.phase ? { phase: reason.phase } : {}),
      message: reason.message,
      ...(reason.action ? { action: reason.action } : {}),
      ...(reason.stderr_tail ? { stderrTail: reason.stderr_tail } : {}),
    },
    runtime: row.runtime,
    model: row.model,
    branch: row.branch,
    headSha: row.head_sha,
    workRef: row.work_ref,
    statusText: row.status_text,
    ...(waitingOn ? { waitingOn } : {}),
    leaseExpiresAt: iso(row.lease_expires_at),
    lastEventAt: iso(row.last_event_at),
    usage: {
      tokensIn: row.tokens_in,
      tokensOut: row.tokens_out,
      usd: row.usd,
      usdKnown: row.usd_known === 1,
    },
    startedAt: iso(row.started_at),
    endedAt: isoOrNull(row.ended_at),
    transcriptSeq: row.transcript_seq,
    logs: logsOf(row).map(({ kind, log_id }) => ({ kind, logId: log_id })),
    version: row.version,
  };
}

export function sessionsOfBead(ctx: Ctx, beadId: string): Session[] {
  return ctx.sql
    .all<SessionRow>("select * from sessions where bead_id = ? order by started_at desc limit 50", beadId)
    .map((row) => toSession(ctx, row));
}

export function toMergeRequest(ctx: Ctx, row: MergeRow): MergeRequest {
  const verdict = verdictOf(row);
  const waiting = mergeWaiting(ctx, row.bead_id);
  const bead = ctx.sql.get<{ version: number }>("select version from beads where id = ?", row.bead_id);
  const position = positionOf(ctx, row);
  return {
    id: row.bead_id,
    title: mergeTitle(ctx, row),
    state: row.state,
    sourceBeadId: row.lands_convoy === 1 || row.adopted === 1 ? null : row.source_id,
    convoyId: row.convoy_id,
    landsConvoy: row.lands_convoy === 1,
    rigId: row.rig_id,
    branch: row.branch,
    target: row.target,
    strategy: row.strategy,
    method: row.method,
    headSha: row.head_sha,
    reviewedSha: row.reviewed_sha,
    verdict: verdict && {
      kind: verdict.kind,
      summary: verdict.summary,
      headSha: verdict.headSha,
      at: iso(verdict.at),
      sessionId: verdict.sessionId,
    },
    gates: gatesOf(row).map((gate) => ({
      name: gate.name,
      exitCode: gate.exit_code,
      durationMs: gate.duration_ms,
      logTail: gate.log_tail,
      logId: gate.log_ref ?? null,
    })),
    counters: { changeRounds: row.change_rounds, feedbackRounds: row.feedback_rounds },
    rounds: roundsOf(row).map(({ text, ...round }) => ({ ...round, feedback: text })),
    adopted: row.adopted === 1,
    forcePushAllowed: row.force_push_allowed === 1,
    held: row.merge_held,
    ...(position === null ? {} : { queue: { lane: laneId(row.rig_id, row.target), position } }),
    pullRequest: toPullRequest(row),
    ...(waiting ? { waitingOn: waiting } : {}),
    failure:
      row.failure_kind === null ? null : { kind: row.failure_kind, message: row.failure_message ?? "" },
    mergeCommit: row.merge_commit,
    createdAt: iso(row.created_at),
    updatedAt: iso(row.updated_at),
    version: bead?.version ?? 0,
  };
}

function toPullRequest(row: MergeRow): MergeRequest["pullRequest"] {
  const reading = readingOf(row);
  if (row.pr_url === null || reading === null) return null;
  const { pr, signals } = reading;
  return {
    url: row.pr_url,
    number: pr.number,
    state: row.pr_state ?? pr.state,
    draft: pr.draft,
    mergeable: pr.mergeable,
    approval: signals?.approval.state === "known" ? signals.approval.decision : null,
    threads: signals?.threads.state === "known" ? signals.threads.unresolved : null,
    checks: signals?.checks.state === "known" ? signals.checks.items : null,
    readAt: iso(row.pr_read_at),
    nextPollAt: isWatched(row) ? iso(row.next_poll_at) : null,
    pollError: row.poll_error_kind,
    mergedBy: row.merged_by,
    mergedHead: row.merged_head,
  };
}

export function toConvoy(ctx: Ctx, row: ConvoyRow): Convoy {
  const bead = ctx.sql.get<{ title: string; created_at: number; version: number }>(
    "select title, created_at, version from beads where id = ?",
    row.bead_id,
  );
  const { total, closed, waived, failed, inProgress, inReview } = progress(ctx, row.bead_id);
  return {
    id: row.bead_id,
    shortId: shortId(row.bead_id),
    title: bead?.title ?? "",
    state: row.state,
    mode: row.mode,
    featureBranches: Object.fromEntries(
      branchesOf(ctx, row.bead_id).map((branch) => [branch.rig_id, branch.branch]),
    ),
    progress: { total, closed, waived, failed, inProgress, inReview },
    landingAttempts: row.landing_attempts,
    createdAt: iso(bead?.created_at ?? 0),
    startedAt: isoOrNull(row.started_at),
    landedAt: isoOrNull(row.landed_at),
    version: bead?.version ?? 0,
  };
}

export function toConvoyDetail(ctx: Ctx, row: ConvoyRow): ConvoyDetail {
  const beads = members(ctx, row.bead_id);
  const edges = ctx.sql.all<{ from_id: string; to_id: string }>(
    `select d.from_id, d.to_id from dependencies d join beads b on b.id = d.from_id
     where b.convoy_id = ? and d.kind = 'blocks' order by d.from_id, d.to_id`,
    row.bead_id,
  );
  const ids = beads.map((bead) => bead.id);
  const wave = waves(
    ids,
    edges.map((edge) => ({ from: edge.from_id, to: edge.to_id })),
  );
  const depth = Math.max(-1, ...ids.map((id) => wave.get(id) ?? 0));
  return {
    ...toConvoy(ctx, row),
    nodes: beads.map((bead) => node(ctx, bead, wave.get(bead.id) ?? 0)),
    edges: edges.map((edge) => ({ beadId: edge.from_id, dependsOnBeadId: edge.to_id })),
    waves: Array.from({ length: depth + 1 }, (_, i) => ids.filter((id) => wave.get(id) === i)),
    usage: usageOf(ctx, "charged_convoy", row.bead_id),
    landing: ctx.sql
      .all<MergeRow>(
        "select * from merge_requests where source_id = ? and lands_convoy = 1 order by created_at",
        row.bead_id,
      )
      .map((merge) => ({ rigId: merge.rig_id, beadId: merge.bead_id, state: merge.state })),
  };
}

function node(ctx: Ctx, row: BeadRow, wave: number): ConvoyDetail["nodes"][number] {
  const { assignee } = toBead(ctx, row);
  const waiting = waitingOf(ctx, row);
  const merge = latestMergeOf(ctx, row.id);
  return {
    beadId: row.id,
    title: row.title,
    status: row.status,
    reason: row.reason,
    rigId: row.rig_id ?? "",
    wave,
    waived: row.waived === 1,
    ...(assignee ? { assigneeName: assignee.name } : {}),
    ...(waiting ? { waitingOn: waiting } : {}),
    ...(merge ? { mergeState: merge.state } : {}),
  };
}
