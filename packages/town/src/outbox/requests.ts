/** From a stored effect to what an executor needs; null where its cause is gone meanwhile. */
import { severity } from "@gastown/protocol";
import { z } from "zod";
import { settings } from "../config/store.ts";
import type { Ctx } from "../kernel/context.ts";
import { MINUTE, SECOND } from "../kernel/context.ts";
import { fromJson } from "../kernel/json.ts";
import { inDelivery } from "../mayor/messages.ts";
import { turnToGive } from "../mayor/give.ts";
import { notifyRequest } from "../notify/request.ts";
import { askedThreads, threadQuestion } from "../reviews/classify-threads.ts";
import { mergeRow } from "../reviews/merge-row.ts";
import { forgeRequest } from "../reviews/forge-request.ts";
import { wantsTarget } from "../reviews/update-branch.ts";
import { mergeTitle } from "../reviews/move-merge.ts";
import { claimMail } from "../mail/mail.ts";
import type { RigRow } from "../rigs/rigs.ts";
import { author, launchOfSession, launchPlan, toRigRef } from "../sessions/launch.ts";
import { liveSessions, sessionRow } from "../sessions/session-row.ts";
import type { EffectRequest } from "../town.ts";
import { townRow } from "../town-row.ts";
import type { EffectKind, EffectRow } from "./outbox.ts";

const payloadSchema = z.object({
  mode: z.enum(["graceful", "now"]).optional(),
  messageId: z.string().optional(),
  settleId: z.string().optional(),
  operation: z.enum(["create", "delete", "forget"]).optional(),
  sessionId: z.string().optional(),
  convoyId: z.string().optional(),
  rigId: z.string().optional(),
  branch: z.string().optional(),
  expectedHead: z.string().optional(),
  failures: z.number().optional(),
  mergeId: z.string().optional(),
  headSha: z.string().optional(),
  effectId: z.string().optional(),
  seenHead: z.string().optional(),
  asked: askedThreads.optional(),
  notifierId: z.string().optional(),
  seq: z.number().optional(),
  severity: severity.optional(),
  before: z
    .object({ model: z.string().nullable(), smallModel: z.string().nullable(), pinned: z.number() })
    .optional(),
});
export type EffectPayload = z.infer<typeof payloadSchema>;

export function payloadOf(row: EffectRow): EffectPayload {
  return fromJson(payloadSchema, row.payload) ?? {};
}

/** A process begins or ends, or a forge is asked several things in a row. */
const SLOW: readonly EffectKind[] = [
  "ensure_runner",
  "stop_runner",
  "open_pull_request",
  "poll_pull_request",
  "merge_pull_request",
  "post_review",
];

/** How long one call may take before its answer counts as lost (ms). */
export function callDeadline(kind: EffectKind): number {
  return SLOW.includes(kind) ? 60 * SECOND : 30 * SECOND;
}

/** How long the runner may take after it accepted (ms): the sum of the limits of what it runs. */
export function resultDeadline(ctx: Ctx, row: EffectRow): number {
  const payload = payloadOf(row);
  const merge = payload.mergeId ? mergeRow(ctx, payload.mergeId) : undefined;
  const config = settings(ctx, merge?.rig_id ?? null);
  const gates = config.review.gates.reduce((sum, gate) => sum + gate.timeout_seconds * SECOND, 0);
  const setup = config.setup.reduce((sum, step) => sum + (step.timeout_seconds ?? 600) * SECOND, 0);
  switch (row.kind) {
    case "setup_rig":
      return 30 * MINUTE;
    case "run_gates":
      return gates + setup + 5 * MINUTE;
    case "merge":
      return 2 * (gates + setup) + 10 * MINUTE;
    default:
      return 10 * MINUTE;
  }
}

export function buildRequest(ctx: Ctx, row: EffectRow, attempt: number): EffectRequest | null {
  const ids = { effect_id: row.id, attempt };
  const payload = payloadOf(row);
  switch (row.kind) {
    case "start_session":
      return startSession(ctx, row);
    case "stop_session":
      return stopSession(ctx, row, payload);
    case "check_session":
      return checkSession(ctx, row);
    case "message_session":
      return messageSession(ctx, row, payload);
    case "interrupt_session":
      return interruptSession(ctx, row, payload);
    case "sync_config":
      return syncConfig(ctx);
    case "change_model":
      return changeModel(ctx, row);
    case "settle_session":
      return settleSession(ctx, row, payload);
    case "poke_session":
      return pokeSession(ctx, row);
    case "setup_rig": {
      const rig = rigOf(ctx, row.subject);
      return rig && { kind: "setup_rig", body: { ...ids, rig: setupRef(ctx, rig) } };
    }
    case "branch":
      return branch(ctx, payload, ids);
    case "run_gates":
      return runGates(ctx, payload, ids);
    case "merge":
      return mergeBody(ctx, payload, ids);
    case "withdraw_merge":
      return payload.effectId ? { kind: "withdraw_merge", effectId: payload.effectId } : null;
    case "update_branch":
      return updateBranchBody(ctx, payload, ids);
    case "ask_model":
      return askModel(ctx, payload, ids);
    case "open_pull_request":
    case "poll_pull_request":
    case "merge_pull_request":
    case "post_review":
      return forgeRequest(ctx, row.kind, payload);
    case "notify":
      return notifyRequest(ctx, row, payload);
    case "ensure_runner":
      return { kind: "ensure_runner" };
    case "stop_runner":
      return { kind: "stop_runner" };
    default:
      return null;
  }
}

type Ids = { effect_id: string; attempt: number };

function rigOf(ctx: Ctx, id: string | undefined): RigRow | null {
  return (id && ctx.sql.get<RigRow>("select * from rigs where id = ?", id)) || null;
}

/** Before the first set-up the default branch may be unknown: HEAD of the remote decides. */
function setupRef(ctx: Ctx, rig: RigRow) {
  return { ...toRigRef(ctx, rig), default_branch: rig.default_branch ?? "HEAD" };
}

function startSession(ctx: Ctx, row: EffectRow): EffectRequest | null {
  const session = sessionRow(ctx, row.subject);
  if (!session || session.state !== "starting" || session.stop_requested !== null) return null;
  const plan = launchPlan(ctx, session);
  // Its first prompt shows what waits for it.
  if (plan) claimMail(ctx, session);
  return plan && { kind: "start_session", plan };
}

function stopSession(ctx: Ctx, row: EffectRow, payload: EffectPayload): EffectRequest | null {
  const session = sessionRow(ctx, row.subject);
  if (!session || session.gone === 1) return null;
  return { kind: "stop_session", sessionId: session.id, epoch: session.epoch, mode: payload.mode ?? "now" };
}

/** Moot once it was heard of meanwhile, or has ended. */
function checkSession(ctx: Ctx, row: EffectRow): EffectRequest | null {
  const session = sessionRow(ctx, row.subject);
  if (!session || session.state === "ended" || session.lease_expires_at > ctx.now) return null;
  return { kind: "check_session", sessionId: session.id, epoch: session.epoch };
}

function messageSession(ctx: Ctx, row: EffectRow, payload: EffectPayload): EffectRequest | null {
  const session = sessionRow(ctx, row.subject);
  if (!session || session.state === "ended" || !payload.messageId) return null;
  const turn = turnToGive(ctx, payload.messageId);
  if (!turn) return null;
  const { id, epoch } = session;
  return { kind: "message_session", sessionId: id, epoch, messageId: payload.messageId, ...turn };
}

function interruptSession(ctx: Ctx, row: EffectRow, payload: EffectPayload): EffectRequest | null {
  const session = sessionRow(ctx, row.subject);
  if (!session || session.state === "ended" || inDelivery(ctx)?.id !== payload.messageId) return null;
  return { kind: "interrupt_session", sessionId: session.id, epoch: session.epoch };
}

/** Before its first prompt it is told by its heartbeat instead. */
function pokeSession(ctx: Ctx, row: EffectRow): EffectRequest | null {
  const session = sessionRow(ctx, row.subject);
  if (!session || session.state === "ended" || session.state === "starting") return null;
  return { kind: "poke_session", sessionId: session.id, epoch: session.epoch };
}

/** Written when it is sent, so that the last of several changes is what arrives. */
function syncConfig(ctx: Ctx): EffectRequest | null {
  const sessions = liveSessions(ctx)
    .filter((session) => session.stop_requested === null)
    .map((session) => ({
      sessionId: session.id,
      epoch: session.epoch,
      launch: launchOfSession(ctx, session),
    }));
  if (sessions.length === 0) return null;
  return { kind: "sync_config", configVersion: townRow(ctx).config_version, sessions };
}

function changeModel(ctx: Ctx, row: EffectRow): EffectRequest | null {
  const session = sessionRow(ctx, row.subject);
  if (!session || session.state === "ended" || session.model === null) return null;
  const { id, epoch, model } = session;
  const { small_model: smallModel } = launchOfSession(ctx, session);
  return { kind: "change_model", sessionId: id, epoch, model, smallModel };
}

function settleSession(ctx: Ctx, row: EffectRow, payload: EffectPayload): EffectRequest | null {
  const session = sessionRow(ctx, row.subject);
  if (!session || session.state !== "settling" || session.settle_id !== payload.settleId) return null;
  const title =
    ctx.sql.get<{ title: string }>("select title from beads where id = ?", session.bead_id)?.title ?? "Work";
  return {
    kind: "settle_session",
    sessionId: session.id,
    body: {
      settle_id: session.settle_id ?? "",
      epoch: session.epoch,
      no_changes: session.settle_no_changes === 1,
      message: title.slice(0, 300),
    },
  };
}

function branch(ctx: Ctx, payload: EffectPayload, ids: Ids): EffectRequest | null {
  const rig = rigOf(ctx, payload.rigId);
  if (!rig || !payload.branch || !payload.operation) return null;
  return {
    kind: "branch",
    body: {
      ...ids,
      rig: toRigRef(ctx, rig),
      operation: payload.operation,
      branch: payload.branch,
      from: payload.operation === "create" ? `refs/heads/${rig.default_branch ?? "main"}` : null,
      expected_head: payload.expectedHead ?? null,
    },
  };
}

function runGates(ctx: Ctx, payload: EffectPayload, ids: Ids): EffectRequest | null {
  const merge = payload.mergeId ? mergeRow(ctx, payload.mergeId) : undefined;
  const rig = rigOf(ctx, merge?.rig_id);
  if (!merge || !rig || merge.state !== "queued" || merge.head_sha !== payload.headSha) return null;
  const config = settings(ctx, rig.id);
  return {
    kind: "run_gates",
    body: {
      ...ids,
      rig: toRigRef(ctx, rig),
      head_sha: merge.head_sha,
      gates: config.review.gates,
      env: config.env,
      setup: config.setup,
    },
  };
}

/** By the runtime that decides what is stuck, with the small model; without one it is the runtime's own. */
function askModel(ctx: Ctx, payload: EffectPayload, ids: Ids): EffectRequest | null {
  const merge = payload.mergeId ? mergeRow(ctx, payload.mergeId) : undefined;
  const prompt = merge && payload.asked ? threadQuestion(merge, payload.asked) : null;
  if (!merge || prompt === null) return null;
  const config = settings(ctx, merge.rig_id);
  return {
    kind: "ask_model",
    body: {
      ...ids,
      runtime: config.role_runtimes.triage,
      model: config.models.small || null,
      env: config.env,
      process_idle_minutes: config.runner.process_idle_minutes,
      prompt,
    },
  };
}

function mergeBody(ctx: Ctx, payload: EffectPayload, ids: Ids): EffectRequest | null {
  const merge = payload.mergeId ? mergeRow(ctx, payload.mergeId) : undefined;
  const rig = rigOf(ctx, merge?.rig_id);
  if (!merge || !rig || merge.state !== "landing" || merge.reviewed_sha === null) return null;
  const { method } = merge;
  const config = settings(ctx, rig.id);
  return {
    kind: "merge",
    body: {
      ...ids,
      rig: toRigRef(ctx, rig),
      branch: merge.branch,
      reviewed_sha: merge.reviewed_sha,
      target: merge.target,
      method: method === "auto" ? "merge" : method,
      message: { subject: mergeTitle(ctx, merge).slice(0, 300), body: `Bead: ${merge.source_id}` },
      author: author(ctx, rig.id, "gastown"),
      gates: config.review.gates,
      env: config.env,
      setup: config.setup,
    },
  };
}

function updateBranchBody(ctx: Ctx, payload: EffectPayload, ids: Ids): EffectRequest | null {
  const merge = payload.mergeId ? mergeRow(ctx, payload.mergeId) : undefined;
  const rig = rigOf(ctx, merge?.rig_id);
  if (!merge || !rig || merge.head_sha !== payload.headSha) return null;
  if (merge.state !== "approved" && !(merge.state === "queued" && wantsTarget(merge))) return null;
  return {
    kind: "update_branch",
    body: {
      ...ids,
      rig: toRigRef(ctx, rig),
      branch: merge.branch,
      target: merge.target,
      head_sha: merge.head_sha,
      check_head: payload.seenHead ?? null,
      author: author(ctx, rig.id, "gastown"),
    },
  };
}
