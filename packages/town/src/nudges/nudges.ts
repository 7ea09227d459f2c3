/**
 * Nudges: a short push to an agent that works (spec/town.md §6). One row each.
 *
 *   pending   → claimed        its session's runner took it, to show it
 *   claimed   → delivered      a turn has begun with it
 *   claimed   → pending        it could not be shown
 *   pending, claimed → expired its time is over, or its session is: the sender sees which
 *
 * `now` interrupts the running turn, `when_idle` waits for its end, `queue` also waits for the
 * agent's next session, but not for ever.
 */
import { GastownError, type ClaimedNudge, type Nudge, type NudgeMode } from "@gastown/protocol";
import { z } from "zod";
import { audit } from "../audit/audit.ts";
import { MINUTE, type Ctx } from "../kernel/context.ts";
import { iso, isoOrNull } from "../kernel/iso.ts";
import { fromJson, toJson } from "../kernel/json.ts";
import type { Row } from "../kernel/sql.ts";
import { enqueue } from "../outbox/outbox.ts";
import type { SessionRow } from "../sessions/session-row.ts";

type NudgeRow = Row & {
  id: string;
  seq: number;
  agent_id: string;
  session_id: string | null;
  text: string;
  mode: NudgeMode;
  urgent: number;
  sender: string;
  state: "pending" | "claimed" | "delivered" | "expired";
  created_at: number;
  expires_at: number | null;
  claimed_by: string | null;
  delivered_at: number | null;
};

/** A queued nudge is kept this long where its sender named no time. */
const QUEUE_TTL = 60 * MINUTE;
const CLAIM_LIMIT = 20;

export interface NewNudge {
  text: string;
  mode: NudgeMode;
  urgent: boolean;
  /** Milliseconds; undefined: as long as the session lives (queue: an hour). */
  ttlMs?: number | undefined;
}

/** Queues one for a live session and wakes its runner. Returns its id. */
export function nudge(ctx: Ctx, session: SessionRow, input: NewNudge): string {
  const id = ctx.id("nudge");
  const ttl = input.ttlMs ?? (input.mode === "queue" ? QUEUE_TTL : undefined);
  ctx.sql.run(
    `insert into nudges (id, agent_id, session_id, text, mode, urgent, sender, state, created_at, expires_at)
     values (?, ?, ?, ?, ?, ?, ?, 'pending', ?, ?)`,
    id,
    session.agent_id,
    session.id,
    input.text,
    input.mode,
    input.urgent ? 1 : 0,
    toJson(ctx.actor),
    ctx.now,
    ttl === undefined ? null : ctx.now + ttl,
  );
  record(ctx, "nudge.queued", session, `${ctx.actor.name} nudges the agent: ${oneLine(input.text)}`, {
    nudgeId: id,
    mode: input.mode,
  });
  poke(ctx, session.id, id);
  return id;
}

function poke(ctx: Ctx, sessionId: string, nudgeId: string): void {
  enqueue(ctx, { kind: "poke_session", subject: sessionId, key: `poke:${sessionId}:${nudgeId}` });
}

/**
 * What the session's runner may show now, urgent ones first, then in the order of their making: a
 * busy one gets what interrupts. Repeated, it returns what was claimed and not yet acknowledged too,
 * because the first answer may have been lost.
 */
export function claimNudges(ctx: Ctx, session: SessionRow, when: "idle" | "busy"): ClaimedNudge[] {
  expireNudges(ctx);
  const rows = ctx.sql.all<NudgeRow>(
    `select * from nudges where agent_id = ?1 and state in ('pending', 'claimed') and (state = 'pending' or claimed_by = ?2)
       and (?3 = 'idle' or mode = 'now' or state = 'claimed')
     order by urgent desc, seq limit ?4`,
    session.agent_id,
    session.id,
    when,
    CLAIM_LIMIT,
  );
  for (const row of rows)
    ctx.sql.run("update nudges set state = 'claimed', claimed_by = ? where id = ?", session.id, row.id);
  return rows.map((row) => ({
    nudge_id: row.id,
    text: row.text,
    mode: row.mode,
    urgent: row.urgent === 1,
    source: senderOf(row).name,
  }));
}

/** Only the session that claimed it can say what became of it; a repeat changes nothing. */
export function acknowledgeNudge(ctx: Ctx, session: SessionRow, nudgeId: string, delivered: boolean): void {
  const row = ctx.sql.get<NudgeRow>(
    "select * from nudges where id = ? and state = 'claimed' and claimed_by = ?",
    nudgeId,
    session.id,
  );
  if (!row) return;
  if (!delivered) {
    ctx.sql.run("update nudges set state = 'pending', claimed_by = null where id = ?", row.id);
    return;
  }
  ctx.sql.run("update nudges set state = 'delivered', delivered_at = ? where id = ?", ctx.now, row.id);
  record(ctx, "nudge.delivered", session, "The agent was given a nudge", {
    nudgeId: row.id,
    mode: row.mode,
    durationMs: ctx.now - row.created_at,
  });
}

/** Its claims return: a queued nudge waits for the agent's next session, the others are too late. */
export function sessionEndedWithNudges(ctx: Ctx, session: SessionRow): void {
  const open = ctx.sql.all<NudgeRow>(
    "select * from nudges where agent_id = ? and state in ('pending', 'claimed')",
    session.agent_id,
  );
  for (const row of open) {
    if (row.mode === "queue") {
      ctx.sql.run(
        "update nudges set state = 'pending', claimed_by = null, session_id = null where id = ?",
        row.id,
      );
    } else expire(ctx, row, "the session ended first");
  }
}

/** How many wait for a session, as its runner is told in a heartbeat: a lost wake-up is made good by it. */
export function waitingNudges(ctx: Ctx, session: SessionRow): number {
  return (
    ctx.sql.get<{ n: number }>(
      `select count(*) as n from nudges where agent_id = ? and state in ('pending', 'claimed')
         and (expires_at is null or expires_at > ?)`,
      session.agent_id,
      ctx.now,
    )?.n ?? 0
  );
}

/** Never a wake of its own: with a claim, and with housekeeping. */
export function expireNudges(ctx: Ctx): void {
  const late = ctx.sql.all<NudgeRow>(
    "select * from nudges where state in ('pending', 'claimed') and expires_at <= ?",
    ctx.now,
  );
  for (const row of late) expire(ctx, row, "nobody could take it in time");
}

function expire(ctx: Ctx, row: NudgeRow, why: string): void {
  ctx.sql.run("update nudges set state = 'expired', claimed_by = null where id = ?", row.id);
  audit(ctx, {
    kind: "nudge.expired",
    subject: { type: "agent", id: row.agent_id },
    agentId: row.agent_id,
    sessionId: row.session_id,
    reason: why,
    text: `A nudge was not delivered: ${why}`,
    data: { nudgeId: row.id, mode: row.mode },
  });
}

/** Takes back one that nobody has been given yet. Throws `not_found`, `invalid_transition`. */
export function deleteNudge(ctx: Ctx, id: string): void {
  const row = nudgeRow(ctx, id);
  if (row.state === "delivered")
    throw new GastownError(
      "invalid_transition",
      "This nudge was delivered already; it cannot be taken back.",
    );
  if (row.state !== "expired") expire(ctx, row, `taken back by ${ctx.actor.name}`);
}

export function pendingNudges(ctx: Ctx, agentId: string | null): Nudge[] {
  return ctx.sql
    .all<NudgeRow>(
      `select * from nudges where state in ('pending', 'claimed') and (?1 is null or agent_id = ?1)
         and (expires_at is null or expires_at > ?2) order by urgent desc, seq limit 200`,
      agentId,
      ctx.now,
    )
    .map(toNudge);
}

export function nudgeRow(ctx: Ctx, id: string): NudgeRow {
  const row = ctx.sql.get<NudgeRow>("select * from nudges where id = ?", id);
  if (!row) throw new GastownError("not_found", `There is no nudge ${id} in this town.`);
  return row;
}

const actorSchema = z.object({ kind: z.string(), id: z.string(), name: z.string() });

function senderOf(row: NudgeRow): { kind: string; id: string; name: string } {
  return fromJson(actorSchema, row.sender) ?? { kind: "unknown", id: "unknown", name: "somebody" };
}

export function toNudge(row: NudgeRow): Nudge {
  return {
    id: row.id,
    agentId: row.agent_id,
    sessionId: row.session_id,
    message: row.text,
    mode: row.mode,
    urgent: row.urgent === 1,
    from: senderOf(row),
    state: row.state,
    createdAt: iso(row.created_at),
    expiresAt: isoOrNull(row.expires_at),
    deliveredAt: isoOrNull(row.delivered_at),
  };
}

function oneLine(text: string): string {
  const flat = text.replace(/\s+/g, " ").trim();
  return flat.length > 160 ? `${flat.slice(0, 159)}…` : flat;
}

function record(
  ctx: Ctx,
  kind: string,
  session: SessionRow,
  text: string,
  data: Record<string, unknown>,
): void {
  audit(ctx, {
    kind,
    subject: { type: "agent", id: session.agent_id },
    agentId: session.agent_id,
    sessionId: session.id,
    beadId: session.bead_id,
    rigId: session.rig_id,
    text,
    data,
  });
}
