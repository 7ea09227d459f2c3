/**
 * Ensuring a mayor (spec/api.md §3.10): what becomes of the wish that there be one.
 *
 * | decision | there is | so |
 * |---|---|---|
 * | `warm` | a session that opens or is in a turn | it is left alone; messages wait behind the turn |
 * | `waiting` | a session between turns | it is left alone; a message is given to it at once |
 * | `dead` | none, but an earlier conversation | a new session takes that up |
 * | `fresh` | none, and nothing to take up | a new session begins |
 * | `no_model` | none, and the last start was refused for want of a runtime, login or model | nothing |
 */
import { audit } from "../audit/audit.ts";
import { attemptBackoff, type Ctx } from "../kernel/context.ts";
import { startMayor } from "../sessions/start.ts";
import type { SessionRow } from "../sessions/session-row.ts";
import { townRow } from "../town-row.ts";
import { hasPast, liveMayor, notUsable } from "./past.ts";
import { mayorIsWanted } from "./wanted.ts";

type Wish = "message" | "ensure" | "prewarm";
type Decision = "warm" | "waiting" | "dead" | "fresh" | "no_model";

function decide(ctx: Ctx, wish: Wish): { decision: Decision; session: SessionRow | undefined } {
  const session = liveMayor(ctx);
  if (session) return { decision: isBetweenTurns(ctx, session) ? "waiting" : "warm", session };
  const refusal = wish === "message" ? null : notUsable(ctx);
  // A person who asks again may have mended it; a runner that boots knows nothing new.
  const mended = wish === "ensure" && refusal !== null && refusal.at + attemptBackoff(1) <= ctx.now;
  if (refusal !== null && !mended) return { decision: "no_model", session: undefined };
  return { decision: hasPast(ctx) ? "dead" : "fresh", session: undefined };
}

/** Nothing is under way in it: the next message, or other settings, may come. */
export function isBetweenTurns(ctx: Ctx, session: SessionRow): boolean {
  if (session.state !== "running" || session.busy === 1) return false;
  return !ctx.sql.get<{ id: string }>("select id from mayor_messages where state = 'delivered' limit 1");
}

export function noteDecision(ctx: Ctx, wish: Wish): ReturnType<typeof decide> {
  const decided = decide(ctx, wish);
  audit(ctx, {
    kind: "mayor.ensure_decision",
    subject: { type: "town", id: ctx.townId },
    sessionId: decided.session?.id ?? null,
    reason: decided.decision,
    text: `A mayor is wanted (${wish}): ${SAYS[decided.decision]}`,
    data: { label: decided.decision, wish },
  });
  return decided;
}

const SAYS: Record<Decision, string> = {
  warm: "it is at work",
  waiting: "it waits for a message",
  dead: "its conversation is taken up again",
  fresh: "it begins anew",
  no_model: "its runtime or model cannot be used",
};

/** A paused town, a runner that goes and a host without room take no start. */
export function mayStart(ctx: Ctx): boolean {
  const town = townRow(ctx);
  return town.paused_at === null && town.runner_draining === 0 && town.no_room === null;
}

/** Starts a mayor where there is none and one could run; a live one is left alone. */
export function ensureMayor(ctx: Ctx, wish: "ensure" | "prewarm"): Decision {
  const { decision, session } = noteDecision(ctx, wish);
  if (session || decision === "no_model" || !mayStart(ctx)) return decision;
  if (wish === "ensure") mayorIsWanted(ctx);
  startMayor(ctx);
  return decision;
}
