/** 9: what has just failed is not begun again at once, unless a person asked (spec/town.md §5). */
import type { Row, Sql } from "@gastown/town";
import { SECOND } from "../kernel/timeline.ts";
import { ViolationFound } from "./violation.ts";

/** The shortest of all rests. */
const REST = 30 * SECOND;

const FAILED = ["refused", "failed"];

type Before = Row & { id: string; outcome: string; ended_at: number };

/** In the moment in which a session begins. `at`: the town's time. */
export function startedAfterRest(sql: Sql, sessionId: string, at: number): void {
  const before = sql.get<Before>(
    // A review of another head is none that was tried before.
    `select b.id, b.outcome, b.ended_at from sessions b join sessions s on s.role = b.role and s.bead_id is b.bead_id
       and (s.role <> 'refinery' or s.start_point is b.start_point)
     where s.id = ? and b.id <> s.id order by b.started_at desc, b.id desc limit 1`,
    sessionId,
  );
  if (!before || !FAILED.includes(before.outcome) || at >= before.ended_at + REST) return;
  // A message that reached a mayor at work is a newer wish than the one that it was started for; and what was
  // refused for its repository or runtime begins when that can be used again.
  const asked = sql.get(
    `select 1 from audit where (actor like '%"kind":"person"%' or kind in ('mayor.message_received', 'rig.verified'))
       and seq > (select max(seq) from audit where session_id = ? and kind = 'session.created')`,
    before.id,
  );
  if (asked === undefined)
    throw new ViolationFound(
      9,
      `${sessionId} began ${at - before.ended_at} ms after ${before.id} had ${before.outcome}`,
    );
}
