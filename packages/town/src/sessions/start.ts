/** Dispatch: a session row with its lease, and the effect that starts the agent (decision 1). */
import { idEnding, type Role } from "@gastown/protocol";
import { audit } from "../audit/audit.ts";
import { idleAgent } from "../agents/agents.ts";
import { isFix, type BeadRow } from "../beads/bead-row.ts";
import { chargedForBead, chargedForMerge } from "../budgets/charged.ts";
import { estimate } from "../budgets/estimate.ts";
import type { Charged } from "../budgets/spend.ts";
import { watchBudgets } from "../budgets/watch.ts";
import { settings } from "../config/store.ts";
import { branchOf, convoyPrefix } from "../convoys/branches.ts";
import type { Ctx } from "../kernel/context.ts";
import { reschedule } from "../kernel/schedule.ts";
import { conversationToTakeUp } from "../mayor/past.ts";
import { enqueue } from "../outbox/outbox.ts";
import { mayRewrite, type MergeRow } from "../reviews/merge-row.ts";
import type { RigRow } from "../rigs/rigs.ts";
import { move } from "../status.ts";
import { townRow } from "../town-row.ts";
import { chosenLaunch, NO_CHOICE, type Choice } from "./chosen.ts";
import { LEASE, nextEpoch, sessionRow, START_DEADLINE } from "./session-row.ts";

interface Place {
  branch: string | null;
  startPoint: string | null;
  target: string | null;
  startHead: string | null;
  allowRewrite: boolean;
}

const NOWHERE: Place = { branch: null, startPoint: null, target: null, startHead: null, allowRewrite: false };

/** A polecat for a ready bead. The bead becomes `in_progress` in the same transaction. */
export function startPolecat(ctx: Ctx, bead: BeadRow, rig: RigRow, fixes: MergeRow | undefined): string {
  const limit = settings(ctx, rig.id).limits.max_polecats_per_rig;
  const agent = idleAgent(ctx, "polecat", rig.id, limit, {
    prefer: bead.prefer_agent,
    avoid: bead.avoid_agent,
  });
  const place = fixes && isFix(bead) ? fixPlace(bead, fixes) : workPlace(ctx, bead, rig, agent.name);
  const sessionId = insertSession(ctx, {
    role: "polecat",
    agentId: agent.id,
    beadId: bead.id,
    rigId: rig.id,
    charged: chargedForBead(ctx, bead),
    place,
    choice: bead,
  });
  ctx.sql.run(
    "update beads set sessions_count = sessions_count + 1, fresh = 0, prefer_agent = null, avoid_agent = null where id = ?",
    bead.id,
  );
  move(ctx, {
    machine: "issue",
    id: bead.id,
    from: "open",
    to: "in_progress",
    event: {
      kind: "bead.status_changed",
      subject: { type: "bead", id: bead.id },
      beadId: bead.id,
      rigId: rig.id,
      convoyId: bead.convoy_id,
      agentId: agent.id,
      sessionId,
      text: `${agent.name} starts on ${bead.title}`,
    },
  });
  return sessionId;
}

/** A refinery for a merge request, detached at exactly the head under review. */
export function startRefinery(ctx: Ctx, merge: MergeRow, rig: RigRow): string {
  const agent = idleAgent(ctx, "refinery", rig.id, settings(ctx, rig.id).review.parallel_reviews);
  const place: Place = { ...NOWHERE, startPoint: merge.head_sha, target: merge.target };
  return insertSession(ctx, {
    role: "refinery",
    agentId: agent.id,
    beadId: merge.bead_id,
    rigId: rig.id,
    charged: chargedForMerge(merge),
    place,
  });
}

/** The mayor as its next start will have it: of an agent that exists already, or (null) of a new one. */
export interface MayorDraft {
  agent: { id: string; name: string } | null;
  runtime: string;
  model: string | null;
  smallModel: string | null;
  /** A person chose the models for this one session. */
  isPinned: boolean;
}

export function mayorDraft(ctx: Ctx): MayorDraft {
  const town = townRow(ctx);
  const { role_runtimes, models } = settings(ctx, null);
  const agent = ctx.sql.get<{ id: string; name: string }>(
    "select id, name from agents where role = 'mayor' order by used_at desc, id limit 1",
  );
  return {
    agent: agent ?? null,
    runtime: role_runtimes.mayor,
    model: town.mayor_model ?? (models.mayor || null),
    smallModel: town.mayor_small_model,
    isPinned: town.mayor_model !== null || town.mayor_small_model !== null,
  };
}

/** The mayor's session takes up the conversation of the last one, unless a person wanted a new one. */
export function startMayor(ctx: Ctx): string {
  const { runtime, model, smallModel, isPinned } = mayorDraft(ctx);
  const agent = idleAgent(ctx, "mayor", null, 1);
  const conversationId = conversationToTakeUp(ctx, runtime, agent.id);
  const { mayor_fresh: fresh } = townRow(ctx);
  const id = insertSession(ctx, {
    role: "mayor",
    agentId: agent.id,
    beadId: null,
    rigId: null,
    charged: { beadId: null, convoyId: null, rigId: null },
    place: NOWHERE,
  });
  ctx.sql.run(
    `update sessions set runtime = ?, model = ?, small_model = ?, model_pinned = ?, conversation_id = ?, fresh = ?
     where id = ?`,
    runtime,
    model,
    smallModel,
    isPinned ? 1 : 0,
    conversationId,
    fresh,
    id,
  );
  ctx.sql.run("update town set mayor_fresh = 0, mayor_model = null, mayor_small_model = null where id = 1");
  return id;
}

/** A triage session for what is open; it has no repository and no bead. */
export function startTriage(ctx: Ctx): string {
  const agent = idleAgent(ctx, "triage", null, 1);
  return insertSession(ctx, {
    role: "triage",
    agentId: agent.id,
    beadId: null,
    rigId: null,
    charged: { beadId: null, convoyId: null, rigId: null, triage: true },
    place: NOWHERE,
  });
}

/** A fix bead works on its merge request's branch, from the head that the remote has. */
function fixPlace(bead: BeadRow, merge: MergeRow): Place {
  return {
    branch: merge.branch,
    startPoint: bead.work_ref ?? `refs/heads/${merge.branch}`,
    target: merge.target,
    startHead: merge.head_sha,
    allowRewrite: mayRewrite(merge),
  };
}

function workPlace(ctx: Ctx, bead: BeadRow, rig: RigRow, agentName: string): Place {
  const feature = bead.convoy_id ? branchOf(ctx, bead.convoy_id, rig.id) : undefined;
  const target = feature?.branch ?? rig.default_branch ?? "main";
  const resumed = bead.fresh === 1 ? null : (bead.work_ref ?? bead.pushed_head);
  return {
    ...NOWHERE,
    branch: workBranch(ctx, bead, agentName),
    startPoint: resumed ?? `refs/heads/${target}`,
    target,
  };
}

/** A branch belongs to one attempt: it is created, never overwritten (spec/town.md §3). */
function workBranch(ctx: Ctx, bead: BeadRow, agentName: string): string {
  const convoy = bead.convoy_id
    ? ctx.sql.get<{ title: string }>("select title from beads where id = ?", bead.convoy_id)
    : undefined;
  const prefix = convoy && bead.convoy_id ? `${convoyPrefix(convoy.title, bead.convoy_id)}/` : "";
  const attempt = bead.sessions_count === 0 ? "" : `-${bead.sessions_count + 1}`;
  return `${prefix}gt/${agentName.toLowerCase()}/${idEnding(bead.id)}${attempt}`;
}

interface NewSession {
  role: Role;
  agentId: string;
  beadId: string | null;
  rigId: string | null;
  charged: Charged;
  place: Place;
  /** What its bead says of its runtime and model. */
  choice?: Choice;
}

function insertSession(ctx: Ctx, input: NewSession): string {
  const id = ctx.id("session");
  const { runtime, model } = chosenLaunch(settings(ctx, input.rigId), input.role, input.choice ?? NO_CHOICE);
  const reserved = estimate(ctx, input.role);
  ctx.sql.run(
    `insert into sessions (id, ending, agent_id, role, bead_id, rig_id, epoch, state, lease_expires_at, last_event_at,
       runtime, model, branch, start_point, target, start_head, allow_rewrite, charged_bead, charged_convoy, reserved_tokens, reserved_usd, config_version, started_at)
     values (?, ?, ?, ?, ?, ?, ?, 'starting', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    id,
    idEnding(id),
    input.agentId,
    input.role,
    input.beadId,
    input.rigId,
    nextEpoch(ctx),
    ctx.now + LEASE,
    ctx.now,
    runtime,
    model,
    input.place.branch,
    input.place.startPoint,
    input.place.target,
    input.place.startHead,
    input.place.allowRewrite ? 1 : 0,
    input.charged.beadId,
    input.charged.convoyId,
    reserved.tokens,
    reserved.usd,
    townRow(ctx).config_version,
    ctx.now,
  );
  ctx.sql.run("update agents set used_at = ? where id = ?", ctx.now, input.agentId);
  const seq = audit(ctx, {
    kind: "session.created",
    subject: { type: "session", id },
    beadId: input.beadId,
    rigId: input.rigId,
    agentId: input.agentId,
    sessionId: id,
    text: `${input.role} session created`,
    data: {
      role: input.role,
      runtime,
      config: townRow(ctx).config_version,
    },
  });
  ctx.sql.run("update sessions set version = ? where id = ?", seq, id);
  enqueue(ctx, {
    kind: "start_session",
    subject: id,
    key: `start:${id}`,
    giveUpAt: ctx.now + START_DEADLINE,
  });
  reschedule(ctx, "session", id, ctx.now + LEASE);
  const session = sessionRow(ctx, id);
  if (session) watchBudgets(ctx, session);
  return id;
}
