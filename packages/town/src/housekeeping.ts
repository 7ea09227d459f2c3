/** Forgets what nobody needs any more; only with a tick that has other work, at most hourly. */
import { settings } from "./config/store.ts";
import { HOUR, type Ctx } from "./kernel/context.ts";
import { expireNudges } from "./nudges/nudges.ts";
import { townRow } from "./town-row.ts";

const DAY = 24 * HOUR;

export function housekeeping(ctx: Ctx): void {
  const last = townRow(ctx).pruned_at;
  if (ctx.now - last < HOUR) return;
  const { retention } = settings(ctx, null);
  const old = ctx.now - retention.inbox_days * DAY;
  ctx.sql.run("delete from inbox where at < ? and state = 'applied'", old);
  ctx.sql.run("delete from outbox where created_at < ? and state = 'done'", old);
  ctx.sql.run("delete from nudges where created_at < ? and state in ('delivered', 'expired')", old);
  ctx.sql.run("delete from audit where at < ?", ctx.now - retention.audit_days * DAY);
  ctx.sql.run(
    "delete from messages where created_at < ? and delivered_at is not null",
    ctx.now - retention.audit_days * DAY,
  );
  ctx.sql.run("delete from idempotency where at < ?", ctx.now - DAY);
  expireNudges(ctx);
  pruneTranscripts(ctx, last, retention.transcript_days * DAY);
  ctx.sql.run("update town set pruned_at = ? where id = 1", ctx.now);
}

/** Of the sessions that became too old since the last time: never a walk over all. */
function pruneTranscripts(ctx: Ctx, last: number, keep: number): void {
  ctx.sql.run(
    "delete from transcript where session_id in (select id from sessions where ended_at >= ? and ended_at < ?)",
    last === 0 ? 0 : last - keep - HOUR,
    ctx.now - keep,
  );
}
