/**
 * The town's time never runs backwards. A wall clock that falls far behind would make everything wait
 * for it, so every time that lies ahead is moved back by the difference, once (spec/town.md §4, time).
 */
import { moveSpentDays } from "../budgets/moved-days.ts";
import { SECOND } from "./context.ts";
import type { Sql } from "./sql.ts";

const TOLERATED = 60 * SECOND;

/**
 * Every column that holds a time (epoch ms) which something is decided by, or by which people see how long
 * ago it was. What is left out is the record of what clocks said then. A test holds that a new column of a
 * time is in one of the two.
 */
export const MOVED_TIMES: Readonly<Record<string, readonly string[]>> = {
  agents: ["created_at", "status_at", "used_at"],
  beads: ["closed_at", "convoy_at", "cooldown_until", "created_at", "updated_at"],
  breaker: ["counted_from", "opened_at", "probe_at"],
  convoys: ["cooldown_until", "landed_at", "started_at"],
  escalations: ["acknowledged_at", "created_at"],
  inbox: ["at", "due_at"],
  lanes: ["blocked_until"],
  mayor_messages: ["at", "delivered_at"],
  merge_requests: [
    "convoy_at",
    "cooldown_until",
    "created_at",
    "green_since",
    "head_at",
    "next_poll_at",
    "pr_read_at",
    "updated_at",
  ],
  messages: ["created_at", "delivered_at"],
  molecule_steps: ["done_at"],
  nudges: ["created_at", "delivered_at", "expires_at"],
  outbox: ["created_at", "deadline", "due_at", "give_up_at"],
  permissions: ["asked_at"],
  rigs: ["created_at", "updated_at"],
  schedule: ["due_at"],
  sessions: [
    "deadline",
    "ended_at",
    "last_event_at",
    "lease_expires_at",
    "quiet_from",
    "started_at",
    "waiting_since",
  ],
  snoozes: ["hidden_until"],
  town: [
    "mayor_asked_at",
    "mayor_rest_until",
    "no_room_at",
    "paused_at",
    "pruned_at",
    "refs_forgotten_at",
    "room_wanted_at",
    "runner_rest_until",
    "runner_seen_at",
    "runner_wanted_at",
    "triage_rest_until",
  ],
  triage_requests: ["created_at", "resolved_at", "seen_at"],
  ui_contexts: ["at"],
};

/** The town's last time after a look at the wall clock: the same, or moved back with everything else. */
export function followClock(sql: Sql, wall: number, lastTime: number): number {
  const behind = lastTime - wall;
  if (behind <= TOLERATED) return lastTime;
  sql.transaction(() => {
    for (const [table, columns] of Object.entries(MOVED_TIMES)) {
      for (const column of columns)
        sql.run(`update ${table} set ${column} = ${column} - ?1 where ${column} > ?2`, behind, wall);
    }
    moveSpentDays(sql, lastTime, wall);
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
