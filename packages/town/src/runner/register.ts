/** A newer runner instance fences every older one and takes over what lives (spec/runner.md §2, §6). */
import type { EventsAnswer, EventsRequest, HeartbeatAnswer, HeartbeatRequest } from "@gastown/protocol";
import { GastownError } from "@gastown/protocol";
import { audit } from "../audit/audit.ts";
import type { Ctx } from "../kernel/context.ts";
import { toJson } from "../kernel/json.ts";
import { turnCutOff } from "../mayor/messages.ts";
import { waitingNudges } from "../nudges/nudges.ts";
import { finishKind, requeueAccepted, underWay } from "../outbox/outbox.ts";
import { runnerIsGone, runnerSeen, wakeStarters } from "../controllers/runner.ts";
import { launchPlan } from "../sessions/launch.ts";
import { forgetOldRefs } from "../sessions/old-refs.ts";
import { heartbeat, renewLease, touch } from "../sessions/lease.ts";
import { providerAnswers } from "../sessions/model-gone.ts";
import { decisionsFor, withdrawPermissions } from "../sessions/permissions.ts";
import { SETTINGS } from "../sessions/settings-changed.ts";
import { liveSessions, nextEpoch, sessionRow, type SessionRow } from "../sessions/session-row.ts";
import type { LaunchPlan } from "../town.ts";
import { townRow } from "../town-row.ts";
import { nobodyWaits } from "./give-way.ts";
import { countLoss, endRest } from "./replacements.ts";

export interface Registered {
  readonly epoch: number;
  /** What should live there, the mayor first. */
  readonly desired: LaunchPlan[];
  /** Ids of all agents and rigs: what the runner has of others may go. */
  readonly known: { readonly agents: string[]; readonly rigs: string[] };
}

export function registerRunner(ctx: Ctx, instanceId: string): Registered {
  const town = townRow(ctx);
  // The same instance again: its answer was lost. Nothing is fenced anew, it gets that answer.
  if (town.runner_instance === instanceId) {
    runnerSeen(ctx);
    return { epoch: town.runner_epoch, desired: desired(ctx), known: known(ctx) };
  }
  // Nobody said that the one before it was gone: it was replaced because it did not answer.
  if (town.runner_seen_at !== null && town.runner_draining === 0)
    countLoss(ctx, "The runner did not answer any more and was replaced.");
  const epoch = nextEpoch(ctx);
  ctx.sql.run(
    "update town set runner_epoch = ?, runner_instance = ?, runner_draining = 0 where id = 1",
    epoch,
    instanceId,
  );
  runnerSeen(ctx);
  audit(ctx, {
    kind: "runner.registered",
    subject: { type: "town", id: ctx.townId },
    text: `A runner registered (epoch ${epoch})`,
    data: { instanceId, epoch },
  });
  endRest(ctx);
  nobodyWaits(ctx);
  requeueAccepted(ctx, epoch);
  // What it is given to resume is written from the settings of now.
  finishKind(ctx, "sync_config", SETTINGS, "registered");
  for (const session of liveSessions(ctx)) {
    // Its agent is another one from now on: that has to list its tools itself (spec/runner.md §3).
    ctx.sql.run("update sessions set epoch = ?, tools_listed = 0 where id = ?", nextEpoch(ctx), session.id);
    // It asks again itself, if it still wants to.
    withdrawPermissions(ctx, session.id);
    touch(ctx, session.id);
    renewLease(ctx, session);
    if (session.role === "mayor") mayorLostItsRunner(ctx, session);
  }
  wakeStarters(ctx);
  forgetOldRefs(ctx);
  return { epoch, desired: desired(ctx), known: known(ctx) };
}

function known(ctx: Ctx): Registered["known"] {
  const ids = (table: "agents" | "rigs"): string[] =>
    ctx.sql.all<{ id: string }>(`select id from ${table} order by id`).map(({ id }) => id);
  return { agents: ids("agents"), rigs: ids("rigs") };
}

/** What should live in the runner, the mayor first. */
function desired(ctx: Ctx): LaunchPlan[] {
  return liveSessions(ctx)
    .filter((session) => session.stop_requested === null)
    .map((session) => launchPlan(ctx, session))
    .filter((plan) => plan !== null);
}

/**
 * The session lives on in the new instance, but the turn that it was in does not. What the old
 * instance was not given yet is still on its way and is left alone.
 */
function mayorLostItsRunner(ctx: Ctx, session: SessionRow): void {
  if (underWay(ctx, "message_session", session.id)) return;
  ctx.sql.run("update sessions set busy = 0, waiting_since = ? where id = ?", ctx.now, session.id);
  turnCutOff(ctx, session.id, "failure");
}

/** Throws `runner_fenced` unless `epoch` is the newest instance's. */
function checkRunner(ctx: Ctx, epoch: number): void {
  const newest = townRow(ctx).runner_epoch;
  if (epoch === newest) return;
  throw new GastownError(
    "runner_fenced",
    "A newer runner has taken over this town. Stop your agents, save their work and exit.",
    {
      newest,
    },
  );
}

export function runnerHeartbeat(ctx: Ctx, epoch: number, request: HeartbeatRequest): HeartbeatAnswer {
  checkRunner(ctx, epoch);
  runnerSeen(ctx);
  setDraining(ctx, request.draining);
  const sessions = request.sessions.map((beat) => {
    const session = sessionRow(ctx, beat.session_id);
    if (!session) return { session_id: beat.session_id, verdict: "unknown" as const };
    if (session.state === "ended" || beat.epoch < session.epoch) {
      const finishing =
        session.state === "ended" && session.outcome !== "lost" && beat.epoch === session.epoch;
      return { session_id: beat.session_id, verdict: finishing ? ("stop" as const) : ("fenced" as const) };
    }
    heartbeat(ctx, session, beat);
    const nudges = waitingNudges(ctx, session);
    return {
      session_id: beat.session_id,
      verdict: session.stop_requested === null ? ("ok" as const) : ("stop" as const),
      ...(nudges === 0 ? {} : { nudges }),
    };
  });
  for (const key of request.models_answered ?? []) providerAnswers(ctx, key);
  const permissions = decisionsFor(ctx, request.sessions);
  return {
    sessions,
    config_version: townRow(ctx).config_version,
    ...(permissions.length === 0 ? {} : { permissions }),
  };
}

export function setDraining(ctx: Ctx, draining: boolean): void {
  const town = townRow(ctx);
  if ((town.runner_draining === 1) === draining) return;
  ctx.sql.run("update town set runner_draining = ? where id = 1", draining ? 1 : 0);
  if (draining) {
    // Also where it was asked to go and is not watched any more: its last word may never come.
    runnerSeen(ctx);
    audit(ctx, {
      kind: "runner.drain_started",
      subject: { type: "town", id: ctx.townId },
      text: "The runner is being replaced: nothing new starts until the next one is there",
    });
  }
  wakeStarters(ctx);
}

/** The runner is gone, drained or dead: it is looked after at once instead of when it is late. */
export function runnerGone(
  ctx: Ctx,
  epoch: number,
  kind: "runner.drained" | "runner.lost",
  why: string,
): void {
  const town = townRow(ctx);
  if (epoch !== town.runner_epoch) return;
  const planned = kind === "runner.drained" || town.runner_draining === 1 || town.runner_seen_at === null;
  runnerIsGone(ctx, kind, why);
  if (!planned) countLoss(ctx, why);
}

/** A turn that the town began, or a notice of the runner, is no sign of the agent. */
const BY_AGENT: ReadonlySet<string> = new Set(["update", "tool_result"]);

/** Transcript items are stored in order; what came before is dropped, a gap is not accepted. */
export function appendTranscript(ctx: Ctx, epoch: number, request: EventsRequest): EventsAnswer {
  checkRunner(ctx, epoch);
  const accepted: EventsAnswer["accepted"] = [];
  const fenced: string[] = [];
  for (const batch of request.batches) {
    const session = sessionRow(ctx, batch.session_id);
    if (!session) {
      fenced.push(batch.session_id);
      continue;
    }
    let next = session.transcript_seq + 1;
    let byAgent = false;
    for (const item of batch.items) {
      if (item.seq !== next) continue;
      ctx.sql.run(
        "insert or ignore into transcript (session_id, seq, at, type, data) values (?, ?, ?, ?, ?)",
        session.id,
        item.seq,
        item.at,
        item.type,
        toJson(item.data),
      );
      byAgent ||= BY_AGENT.has(item.type);
      next++;
    }
    ctx.sql.run("update sessions set transcript_seq = ? where id = ?", next - 1, session.id);
    if (byAgent) touch(ctx, session.id);
    accepted.push({ session_id: session.id, seq_to: next - 1 });
  }
  return { accepted, fenced };
}
