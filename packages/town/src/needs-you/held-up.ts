/** How much work goes on when something is answered: what is not closed and waits for it, however far. */
import type { Ctx } from "../kernel/context.ts";
import type { Item } from "./item.ts";

/** More than this is simply a lot. */
const MOST = 1_000;

export function heldUp(ctx: Ctx, holds: Item["holds"]): number {
  if (holds === null) return 0;
  switch (holds.type) {
    case "bead":
      return behind(ctx, holds.id);
    case "convoy":
      return count(ctx, "convoy_id = ? and type = 'issue' and status <> 'closed'", holds.id);
    case "rig":
      return count(ctx, "rig_id = ? and type = 'issue' and status = 'open'", holds.id);
    default:
      return count(ctx, "type = 'issue' and status = 'open'");
  }
}

/** The bead itself and everything that is blocked by it. */
function behind(ctx: Ctx, beadId: string): number {
  const row = ctx.sql.get<{ n: number }>(
    `with recursive waits (id) as (
       select ?1 union select d.from_id from dependencies d join waits w on d.to_id = w.id where d.kind = 'blocks'
       limit ?2)
     select count(*) as n from waits join beads b on b.id = waits.id
     where b.type = 'issue' and b.status <> 'closed'`,
    beadId,
    MOST,
  );
  return row?.n ?? 0;
}

function count(ctx: Ctx, where: string, ...values: string[]): number {
  const sql = `select count(*) as n from (select 1 from beads where ${where} limit ${MOST})`;
  return ctx.sql.get<{ n: number }>(sql, ...values)?.n ?? 0;
}
