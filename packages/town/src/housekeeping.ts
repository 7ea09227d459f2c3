/** Forgets what nobody needs any more; only with a tick that has other work, at most hourly. */
import type { AgentRow } from "./agents/agents.ts";
import { forgetAgent } from "./agents/commands.ts";
import { settings } from "./config/store.ts";
import { DAY, HOUR, type Ctx } from "./kernel/context.ts";
import { expireNudges } from "./nudges/nudges.ts";
import { pruneDeadEffects } from "./outbox/dead-letters.ts";
import { forgetOldRefs } from "./sessions/old-refs.ts";
import { townRow } from "./town-row.ts";

export function housekeeping(ctx: Ctx): void {
  const last = townRow(ctx).pruned_at;
  if (ctx.now - last < HOUR) return;
  const { retention } = settings(ctx, null);
  const old = ctx.now - retention.inbox_days * DAY;
  ctx.sql.run("delete from inbox where at < ? and state = 'applied'", old);
  ctx.sql.run("delete from outbox where created_at < ? and state = 'done'", old);
  pruneDeadEffects(ctx, old);
  ctx.sql.run("delete from nudges where created_at < ? and state in ('delivered', 'expired')", old);
  ctx.sql.run("delete from audit where at < ?", ctx.now - retention.audit_days * DAY);
  ctx.sql.run(
    "delete from messages where created_at < ? and delivered_at is not null",
    ctx.now - retention.audit_days * DAY,
  );
  ctx.sql.run("delete from permissions where asked_at < ? and decision <> 'pending'", old);
  ctx.sql.run("delete from idempotency where at < ?", ctx.now - DAY);
  expireNudges(ctx);
  forgetIdleAgents(ctx);
  forgetOldRefs(ctx);
  pruneTranscripts(ctx, last, retention.transcript_days * DAY);
  ctx.sql.run("update town set pruned_at = ? where id = 1", ctx.now);
}

/**
 * Idle for a day: its name is free again, and its directory goes with the runner's next boot. The mayor stays,
 * for its conversation, and so does whoever has mail to read or is wanted for a bead.
 */
function forgetIdleAgents(ctx: Ctx): void {
  const idle = ctx.sql.all<AgentRow>(
    `select * from agents where role <> 'mayor' and used_at < ?
       and not exists (select 1 from sessions where agent_id = agents.id and state <> 'ended')
       and not exists
         (select 1 from messages where to_agent = agents.id and delivered_at is null and mayor_message is null)
       and not exists (select 1 from beads where prefer_agent = agents.id)`,
    ctx.now - DAY,
  );
  for (const agent of idle) forgetAgent(ctx, agent, `${agent.name} leaves after a day without work`);
}

/** Of the sessions that became too old since the last time: never a walk over all. */
function pruneTranscripts(ctx: Ctx, last: number, keep: number): void {
  ctx.sql.run(
    "delete from transcript where session_id in (select id from sessions where ended_at >= ? and ended_at < ?)",
    last === 0 ? 0 : last - keep - HOUR,
    ctx.now - keep,
  );
}
