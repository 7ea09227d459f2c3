/**
 * The town's time never runs backwards. A wall clock that falls far behind would make everything wait
 * for it, so every time that lies ahead is moved back by the difference, once (spec/town.md §4, time).
 */
import { SECOND } from "./context.ts";
import type { Sql } from "./sql.ts";

const TOLERATED = 60 * SECOND;

/** Columns that hold a time at which something of a live entity is wanted. */
const FUTURE_TIMES: readonly (readonly [table: string, column: string])[] = [
  ["schedule", "due_at"],
  ["sessions", "lease_expires_at"],
  ["sessions", "deadline"],
  ["sessions", "last_event_at"],
  ["sessions", "waiting_since"],
  ["beads", "cooldown_until"],
  ["merge_requests", "cooldown_until"],
  ["convoys", "cooldown_until"],
  ["lanes", "blocked_until"],
  ["outbox", "due_at"],
  ["outbox", "deadline"],
  ["outbox", "give_up_at"],
  ["inbox", "due_at"],
  ["town", "runner_seen_at"],
  ["town", "runner_wanted_at"],
  ["town", "pruned_at"],
];

/** The town's last time after a look at the wall clock: the same, or moved back with everything else. */
export function followClock(sql: Sql, wall: number, lastTime: number): number {
  const behind = lastTime - wall;
  if (behind <= TOLERATED) return lastTime;
  sql.transaction(() => {
    for (const [table, column] of FUTURE_TIMES) {
      sql.run(`update ${table} set ${column} = ${column} - ?1 where ${column} > ?2`, behind, wall);
    }
    sql.run("update town set last_time = ? where id = 1", wall);
    sql.run(
      `insert into audit (at, actor, subject_type, subject_id, kind, text, data)
       select ?1, '{"kind":"town","id":"town","name":"town"}', 'town', town_id, 'town.clock_moved_back', ?2, '{}' from town`,
      wall,
      `The clock went back by ${Math.round(behind / SECOND)} s; everything that waits was moved with it`,
    );
  });
  return wall;
}
