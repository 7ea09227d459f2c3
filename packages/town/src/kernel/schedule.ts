/**
 * When each entity wants to be looked at next. One table and one index serve every controller, so a
 * tick costs what is due and never what exists (spec/town.md §4, decision 3).
 */
import type { Ctx } from "./context.ts";

export type EntityKind =
  | "bead"
  | "dispatch"
  | "session"
  | "merge"
  | "lane"
  | "convoy"
  | "mayor"
  | "rig"
  | "escalation"
  | "breaker"
  | "triage"
  | "runner";

/** Due at `at` (epoch ms), or earlier where it was due earlier already. */
export function schedule(ctx: Ctx, kind: EntityKind, id: string, at: number = ctx.now): void {
  ctx.sql.run(
    `insert into schedule (kind, id, due_at) values (?1, ?2, ?3)
     on conflict (kind, id) do update set due_at = min(due_at, excluded.due_at)`,
    kind,
    id,
    at,
  );
}

/** Due exactly at `at`, forgetting an earlier wish: for leases and deadlines that were renewed. */
export function reschedule(ctx: Ctx, kind: EntityKind, id: string, at: number): void {
  ctx.sql.run(
    `insert into schedule (kind, id, due_at) values (?1, ?2, ?3)
     on conflict (kind, id) do update set due_at = excluded.due_at, failures = 0, error = null`,
    kind,
    id,
    at,
  );
}

export function unschedule(ctx: Ctx, kind: EntityKind, id: string): void {
  ctx.sql.run("delete from schedule where kind = ? and id = ?", kind, id);
}
