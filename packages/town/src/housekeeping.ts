/** Forgets what nobody needs any more; only with a tick that has other work, at most hourly. */
import { settings } from "./config/store.ts";
import { HOUR, type Ctx } from "./kernel/context.ts";
import { townRow } from "./town-row.ts";

const DAY = 24 * HOUR;

export function housekeeping(ctx: Ctx): void {
  if (ctx.now - townRow(ctx).pruned_at < HOUR) return;
  const { retention } = settings(ctx, null);
  const old = ctx.now - retention.inbox_days * DAY;
  ctx.sql.run("delete from inbox where at < ? and state = 'applied'", old);
  ctx.sql.run("delete from outbox where created_at < ? and state = 'done'", old);
  ctx.sql.run("delete from audit where at < ?", ctx.now - retention.audit_days * DAY);
  ctx.sql.run("delete from idempotency where at < ?", ctx.now - DAY);
  ctx.sql.run("update town set pruned_at = ? where id = 1", ctx.now);
}
