/** What hosts see of nudges. */
import { GastownError, type ClaimedNudge, type Nudge, type NudgeBody } from "@gastown/protocol";
import { findAgent } from "../agents/agents.ts";
import { SECOND, TOWN_ACTOR, type Access, type Ctx } from "../kernel/context.ts";
import { findSession, sessionRow, type SessionRow } from "../sessions/session-row.ts";
import type { Actor } from "../town.ts";
import {
  acknowledgeNudge,
  claimNudges,
  deleteNudge,
  nudge,
  nudgeRow,
  pendingNudges,
  toNudge,
} from "./nudges.ts";

export interface TownNudges {
  /** By the agent's id, id ending or name. Throws `not_found`, `invalid_transition` without a live session. */
  nudgeAgent(ref: string, body: NudgeBody, actor: Actor): Nudge;
  /** The same for one session, which must be live. */
  nudgeSession(ref: string, body: NudgeBody, actor: Actor): Nudge;
  /** Those that nobody has been given yet, of one agent or all. */
  nudges(agentRef?: string): Nudge[];
  deleteNudge(id: string, actor: Actor): Nudge;
  /** The runner's. Throws `session_fenced` unless the session is live at that epoch. */
  claimNudges(sessionId: string, epoch: number, when: "idle" | "busy"): ClaimedNudge[];
  acknowledgeNudge(sessionId: string, epoch: number, nudgeId: string, delivered: boolean): void;
}

export function townNudges({ read, write }: Access): TownNudges {
  return {
    nudgeAgent: (ref, body, actor) =>
      write(actor, (ctx) => {
        const agent = findAgent(ctx, ref);
        const session = ctx.sql.get<SessionRow>(
          "select * from sessions where agent_id = ? and state <> 'ended'",
          agent.id,
        );
        return push(ctx, session, agent.name, body);
      }),
    nudgeSession: (ref, body, actor) =>
      write(actor, (ctx) => {
        const session = findSession(ctx, ref);
        return push(ctx, session.state === "ended" ? undefined : session, `Session ${ref}`, body);
      }),
    nudges: (agentRef) =>
      read((ctx) => pendingNudges(ctx, agentRef === undefined ? null : findAgent(ctx, agentRef).id)),
    deleteNudge: (id, actor) =>
      write(actor, (ctx) => {
        deleteNudge(ctx, id);
        return toNudge(nudgeRow(ctx, id));
      }),
    claimNudges: (sessionId, epoch, when) =>
      write(TOWN_ACTOR, (ctx) => claimNudges(ctx, live(ctx, sessionId, epoch), when)),
    acknowledgeNudge: (sessionId, epoch, nudgeId, delivered) =>
      write(TOWN_ACTOR, (ctx) => acknowledgeNudge(ctx, live(ctx, sessionId, epoch), nudgeId, delivered)),
  };
}

function push(ctx: Ctx, session: SessionRow | undefined, who: string, body: NudgeBody): Nudge {
  if (!session || session.stop_requested !== null) {
    throw new GastownError(
      "invalid_transition",
      `${who} has no live session, so nothing could be shown to it. Send mail instead: it is read at the next start.`,
    );
  }
  const id = nudge(ctx, session, {
    text: body.message,
    mode: body.mode ?? "when_idle",
    urgent: body.urgent ?? false,
    ttlMs: body.ttlSeconds === undefined ? undefined : body.ttlSeconds * SECOND,
  });
  return toNudge(nudgeRow(ctx, id));
}

/** Throws `session_fenced` unless it is live at that epoch. */
function live(ctx: Ctx, sessionId: string, epoch: number): SessionRow {
  const session = sessionRow(ctx, sessionId);
  if (session && session.state !== "ended" && session.epoch === epoch) return session;
  throw new GastownError("session_fenced", "This session is over, or lives on with a newer runner.");
}
