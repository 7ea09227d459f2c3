/** The whole town on one screen (spec/api.md §5.2, snapshot). Counts by index, never by a walk. */
import type { AgentStatus, TownShape, TownStatus } from "@gastown/protocol";
import { newestSeq, readFeed } from "../audit/audit.ts";
import { toAgent, type AgentRow } from "../agents/agents.ts";
import type { BeadRow } from "../beads/bead-row.ts";
import { breakerState } from "../breaker/breaker.ts";
import { dayOf, spent } from "../budgets/spend.ts";
import { toEscalation, type EscalationRow } from "../escalations/escalations.ts";
import type { Ctx } from "../kernel/context.ts";
import { iso, isoOrNull } from "../kernel/iso.ts";
import { mayorStatus } from "../mayor/commands.ts";
import { sessionRow } from "../sessions/session-row.ts";
import { nextWakeAt } from "../tick.ts";
import { townRow } from "../town-row.ts";
import { agentWait } from "../sessions/session-wait.ts";
import { placesInQueue } from "./queue.ts";
import { budgetStates } from "./usage.ts";
import { waitingOf } from "./waiting.ts";

const LISTED = 20;

export function toTown(ctx: Ctx): TownShape {
  const town = townRow(ctx);
  return {
    id: town.town_id,
    name: town.name,
    paused: town.paused_at !== null,
    createdAt: iso(town.created_at),
    version: newestSeq(ctx),
  };
}

export function townStatus(ctx: Ctx): TownStatus {
  const town = townRow(ctx);
  const beads = counts(
    ctx,
    `select status as key, count(*) as n from beads
     where type = 'issue' and status in ('open', 'in_progress', 'in_review', 'failed') group by status`,
  );
  const waits = counts(
    ctx,
    `select json_extract(waiting, '$.code') as key, count(*) as n from beads indexed by beads_waiting
     where type = 'issue' and status = 'open' and waiting is not null
       and json_extract(waiting, '$.code') in ('blocked', 'blocked_by_failed') group by json_extract(waiting, '$.code')`,
  );
  const held = counts(
    ctx,
    `select status as key, count(*) as n from beads indexed by beads_held
     where type = 'issue' and held is not null group by status`,
  );
  const convoys = counts(
    ctx,
    "select state as key, count(*) as n from convoys where state in ('staged', 'active', 'landing') group by state",
  );
  const merges = counts(
    ctx,
    `select state as key, count(*) as n from merge_requests
     where state in ('queued', 'reviewing', 'landing') group by state`,
  );
  const inbox = counts(
    ctx,
    "select state as key, count(*) as n from inbox where state <> 'applied' group by state",
  );
  const outbox = counts(
    ctx,
    "select state as key, count(*) as n from outbox where state <> 'done' group by state",
  );
  const agents = ctx.sql
    .all<AgentRow>("select * from agents order by created_at")
    .map((row) => toAgent(ctx, row));
  const open = ctx.sql.all<BeadRow>(
    "select * from beads where type = 'issue' and status = 'open' order by updated_at limit ?",
    LISTED,
  );
  const needsYou = ctx.sql.all<EscalationRow>(
    "select * from escalations where open = 1 order by created_at limit 50",
  );
  return {
    seq: newestSeq(ctx),
    town: toTown(ctx),
    wake: { nextAt: isoOrNull(nextWakeAt(ctx)) },
    agents: agentCounts(agents.map((agent) => agent.status)),
    beads: {
      open: beads.open ?? 0,
      inProgress: beads.in_progress ?? 0,
      inReview: beads.in_review ?? 0,
      failed: beads.failed ?? 0,
      held: held.open ?? 0,
      blocked: (waits.blocked ?? 0) + (waits.blocked_by_failed ?? 0),
    },
    convoys: { staged: convoys.staged ?? 0, active: convoys.active ?? 0, landing: convoys.landing ?? 0 },
    merges: { queued: merges.queued ?? 0, reviewing: merges.reviewing ?? 0, landing: merges.landing ?? 0 },
    escalations: {
      open: needsYou.length,
      unacknowledged: needsYou.filter((row) => row.acknowledged_at === null).length,
    },
    mayor: mayorStatus(ctx),
    runner: {
      connected: town.runner_seen_at !== null,
      draining: town.runner_draining === 1,
      epoch: town.runner_epoch,
      lastSeenAt: isoOrNull(town.runner_seen_at),
    },
    inbox: { pending: inbox.pending ?? 0, dead: inbox.dead ?? 0 },
    outbox: {
      pending: (outbox.pending ?? 0) + (outbox.running ?? 0) + (outbox.accepted ?? 0),
      dead: outbox.dead ?? 0,
    },
    working: agents
      .filter((agent) => agent.sessionId !== null)
      .map((agent) => ({
        agent: agent.name,
        role: agent.role,
        beadId: agent.beadId,
        title: titleOf(ctx, agent.beadId),
        status: waitText(ctx, agent.sessionId) ?? agent.message?.text ?? agent.status,
      })),
    waiting: waitingList(ctx, open),
    needsYou: needsYou.slice(0, LISTED).map((row) => toEscalation(ctx, row)),
    recent: readFeed(ctx, { limit: LISTED }),
    budgets: budgetStates(ctx),
    spentToday: spent(ctx, "town_day", dayOf(ctx.now)),
    triageRequests:
      ctx.sql.get<{ n: number }>(
        "select count(*) as n from triage_requests where state in ('open', 'judged')",
      )?.n ?? 0,
    breaker: breakerState(ctx),
  };
}

function waitingList(ctx: Ctx, open: BeadRow[]): TownStatus["waiting"] {
  const placeOf = placesInQueue(ctx, open);
  return open.flatMap((bead) => {
    const waitingOn = waitingOf(ctx, bead, placeOf);
    return waitingOn ? [{ beadId: bead.id, title: bead.title, waitingOn }] : [];
  });
}

/** What keeps it from working says more than what it was doing. */
function waitText(ctx: Ctx, sessionId: string | null): string | undefined {
  const session = sessionId === null ? undefined : sessionRow(ctx, sessionId);
  return session && agentWait(ctx, session)?.message;
}

function titleOf(ctx: Ctx, beadId: string | null): string {
  if (beadId === null) return "";
  return ctx.sql.get<{ title: string }>("select title from beads where id = ?", beadId)?.title ?? "";
}

function counts(ctx: Ctx, sql: string): Record<string, number | undefined> {
  return Object.fromEntries(ctx.sql.all<{ key: string; n: number }>(sql).map((row) => [row.key, row.n]));
}

function agentCounts(states: AgentStatus[]): Record<AgentStatus, number> {
  const result: Record<AgentStatus, number> = {
    idle: 0,
    starting: 0,
    working: 0,
    waiting: 0,
    stalled: 0,
    stopping: 0,
  };
  for (const state of states) result[state]++;
  return result;
}
