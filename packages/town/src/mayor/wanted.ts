import type { Ctx } from "../kernel/context.ts";

/** The mayor is wanted anew: its failures count from now, and what it rests for is over (spec/town.md §5, mayor). */
export function mayorIsWanted(ctx: Ctx): void {
  ctx.sql.run("update town set mayor_asked_at = ?, mayor_rest_until = 0 where id = 1", ctx.now);
}
