/**
 * What sessions cost (spec/town.md §5, budgets). Ended ones are summed per bead, convoy, rig and day as
 * they end, so that a question about a budget reads one row and the few sessions that live, whatever
 * the town's age. A session's day is the one on which it ended (UTC); a live one counts today.
 */
import type { Ctx } from "../kernel/context.ts";
import type { Row } from "../kernel/sql.ts";
import type { SessionRow } from "../sessions/session-row.ts";

export type Scope = "bead" | "convoy" | "rig" | "town_day" | "triage_day";

export interface Amount {
  tokens: number;
  usd: number;
}

/** Which budgets a session is charged to. */
export interface Charged {
  beadId: string | null;
  convoyId: string | null;
  rigId: string | null;
  /** A session of triage has a budget of its own besides the day's. */
  triage?: boolean;
}

/** Those that begin anew with each day (UTC). */
export function isDaily(scope: Scope): scope is "town_day" | "triage_day" {
  return scope === "town_day" || scope === "triage_day";
}

export const NOTHING: Amount = { tokens: 0, usd: 0 };

/** The day of an instant, as its scope's id. */
export function dayOf(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}

/** The first instant of the next day. */
export function nextDay(at: number): number {
  const day = 24 * 3_600_000;
  return (Math.floor(at / day) + 1) * day;
}

type Stored = Row & { tokens: number; usd: number };

/** What ended sessions of a scope cost. */
function spentByEnded(ctx: Ctx, scope: Scope, id: string): Amount {
  const row = ctx.sql.get<Stored>("select tokens, usd from spend where scope = ? and id = ?", scope, id);
  return row ? { tokens: row.tokens, usd: row.usd } : NOTHING;
}

const LIVE: Record<Scope, string> = {
  bead: "charged_bead = ?1",
  convoy: "charged_convoy = ?1",
  rig: "rig_id = ?1",
  town_day: "?1 <> ''",
  triage_day: "?1 <> '' and role = 'triage'",
};

/** What a scope has cost so far, live sessions included. */
export function spent(ctx: Ctx, scope: Scope, id: string): Amount {
  return withLive(ctx, scope, id, "tokens_in + tokens_out", "usd");
}

/** The same with each live session counted as at least what was reserved for it. */
export function used(ctx: Ctx, scope: Scope, id: string): Amount {
  return withLive(ctx, scope, id, "max(reserved_tokens, tokens_in + tokens_out)", "max(reserved_usd, usd)");
}

function withLive(ctx: Ctx, scope: Scope, id: string, tokens: string, usd: string): Amount {
  const ended = spentByEnded(ctx, scope, id);
  const live =
    ctx.sql.get<Stored>(
      `select coalesce(sum(${tokens}), 0) as tokens, coalesce(sum(${usd}), 0.0) as usd
     from sessions where state <> 'ended' and ${LIVE[scope]}`,
      id,
    ) ?? NOTHING;
  return { tokens: ended.tokens + live.tokens, usd: ended.usd + live.usd };
}

/** The scopes of a session and their ids. */
export function scopesOf(ctx: Ctx, charged: Charged): [Scope, string][] {
  const scopes: [Scope, string | null][] = [
    ["bead", charged.beadId],
    ["convoy", charged.convoyId],
    ["rig", charged.rigId],
    ["town_day", dayOf(ctx.now)],
    ["triage_day", charged.triage === true ? dayOf(ctx.now) : null],
  ];
  return scopes.flatMap(([scope, id]) => (id === null ? [] : [[scope, id]]));
}

export function chargedOf(session: SessionRow): Charged {
  const { charged_bead: beadId, charged_convoy: convoyId, rig_id: rigId, role } = session;
  return { beadId, convoyId, rigId, triage: role === "triage" };
}

/** Adds to the sums of ended sessions. */
export function charge(ctx: Ctx, session: SessionRow, amount: Amount): void {
  if (amount.tokens === 0 && amount.usd === 0) return;
  const day = dayOf(session.ended_at ?? ctx.now);
  for (const [scope, id] of scopesOf(ctx, chargedOf(session))) {
    ctx.sql.run(
      `insert into spend (scope, id, tokens, usd) values (?1, ?2, ?3, ?4)
       on conflict (scope, id) do update set tokens = tokens + ?3, usd = usd + ?4`,
      scope,
      isDaily(scope) ? day : id,
      amount.tokens,
      amount.usd,
    );
  }
}
