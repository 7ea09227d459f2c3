/** What people do with agents (spec/api.md §3.9). */
import { GastownError } from "@gastown/protocol";
import { audit } from "../audit/audit.ts";
import type { Ctx } from "../kernel/context.ts";
import { schedule } from "../kernel/schedule.ts";
import { undeliveredTo } from "../mail/mail.ts";
import type { SessionRow } from "../sessions/session-row.ts";
import { requestStop } from "../sessions/stop.ts";
import { findAgent, type AgentRow } from "./agents.ts";

/** Ends its session with the work saved; the bead opens without a counted attempt and may start at once. */
export function resetAgent(ctx: Ctx, ref: string): string {
  const agent = findAgent(ctx, ref);
  const session = liveSession(ctx, agent);
  if (session) {
    requestStop(ctx, session, "now", `reset by ${ctx.actor.name}`);
    if (session.bead_id) {
      ctx.sql.run("update beads set cooldown_until = 0 where id = ?", session.bead_id);
      schedule(ctx, "bead", session.bead_id);
    }
  }
  audit(ctx, {
    kind: "agent.reset",
    subject: { type: "agent", id: agent.id },
    agentId: agent.id,
    rigId: agent.rig_id,
    sessionId: session?.id ?? null,
    text: `${agent.name} is reset by ${ctx.actor.name}`,
  });
  return agent.id;
}

/** Its name is free again; what it did stays in the history. Throws `has_live_work`. */
export function deleteAgent(ctx: Ctx, ref: string): void {
  const agent = findAgent(ctx, ref);
  if (liveSession(ctx, agent))
    throw new GastownError(
      "has_live_work",
      `${agent.name} works just now. Stop its session first: gastown session stop ${agent.name}.`,
    );
  forgetAgent(ctx, agent, `${agent.name} is deleted by ${ctx.actor.name}`);
}

/** Mail that nobody will read any more is reported, not lost in silence. */
export function forgetAgent(ctx: Ctx, agent: AgentRow, text: string): void {
  const unread = undeliveredTo(ctx, agent.id);
  ctx.sql.run(
    "delete from messages where to_agent = ? and delivered_at is null and mayor_message is null",
    agent.id,
  );
  ctx.sql.run(
    "update nudges set state = 'expired', claimed_by = null where agent_id = ? and state in ('pending', 'claimed')",
    agent.id,
  );
  ctx.sql.run("update beads set prefer_agent = null where prefer_agent = ?", agent.id);
  ctx.sql.run("delete from agents where id = ?", agent.id);
  audit(ctx, {
    kind: "agent.deleted",
    subject: { type: "agent", id: agent.id },
    agentId: agent.id,
    rigId: agent.rig_id,
    text: unread === 0 ? text : `${text}; ${unread} message(s) to it were never read`,
    data: { name: agent.name, unread },
  });
}

function liveSession(ctx: Ctx, agent: AgentRow): SessionRow | undefined {
  return ctx.sql.get<SessionRow>("select * from sessions where agent_id = ? and state <> 'ended'", agent.id);
}
