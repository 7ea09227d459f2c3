/** Where everything must stand once nothing goes wrong any more and the town has had time. */
import type { Row, Sql } from "@gastown/town";
import { ViolationFound } from "./violation.ts";

interface Rest {
  invariant: number;
  what: string;
  /** Selects what must not be there, as `id` and `detail`. */
  sql: string;
}

const ASKED = "exists (select 1 from escalations e where e.open = 1 and";

const AT_REST: readonly Rest[] = [
  {
    invariant: 10,
    what: "a bead is still being worked on",
    sql: "select id, title as detail from beads where type = 'issue' and status = 'in_progress'",
  },
  {
    invariant: 10,
    what: "an open bead waits for nothing that a person could know of",
    sql: `select b.id, coalesce(b.waiting, 'ready=' || b.ready) as detail from beads b
          where b.type = 'issue' and b.status = 'open' and not (
            b.held is not null
            or json_extract(b.waiting, '$.code') in ('staged', 'blocked', 'blocked_by_failed'))`,
  },
  {
    invariant: 10,
    what: "a bead waits for a blocker that will be done by itself, and is not",
    sql: `select b.id, b.waiting as detail from beads b where b.type = 'issue' and b.status = 'open' and b.held is null
            and json_extract(b.waiting, '$.code') = 'blocked'
            and not exists (select 1 from json_each(b.waiting, '$.ids') j join beads o on o.id = j.value
                            where o.status in ('open', 'in_progress', 'in_review'))`,
  },
  {
    invariant: 10,
    what: "a merge request waits, and nobody was asked",
    sql: `select m.bead_id as id, m.state || ' ' || coalesce(m.waiting, '') as detail from merge_requests m
          where m.state not in ('merged', 'failed') and not (m.strategy = 'pr' and m.state = 'approved') and not ${ASKED} e.bead_id = m.question_id)
            and not exists (select 1 from dependencies d join beads b on b.id = d.to_id where d.from_id in (m.bead_id, m.source_id)
                            and d.kind = 'blocks' and b.waived = 0 and b.status <> 'closed')`,
  },
  {
    invariant: 10,
    what: "a convoy does not end, though all of its members have",
    sql: `select c.bead_id as id, c.state as detail from convoys c where c.state in ('active', 'landing')
          and not exists (select 1 from beads b where b.convoy_id = c.bead_id and b.type = 'issue'
                          and (b.status <> 'closed' or b.waived = 0 and b.reason in ('cancelled', 'duplicate')))
          and not exists (select 1 from merge_requests m where m.source_id = c.bead_id and m.state not in ('merged', 'failed'))
          and not ${ASKED} e.subject in (select m.bead_id from merge_requests m where m.source_id = c.bead_id))`,
  },
  {
    invariant: 14,
    what: "an effect has no end",
    sql: "select id, kind || ' ' || state || ' ' || coalesce(result, '') as detail from outbox where state not in ('done', 'dead')",
  },
  {
    invariant: 14,
    what: "a fact was not applied",
    sql: "select seq as id, type || ' ' || coalesce(error, '') as detail from inbox where state <> 'applied'",
  },
  {
    invariant: 15,
    what: "a message to the mayor was neither answered nor reported",
    sql: `select m.id, m.state as detail from mayor_messages m where m.state in ('queued', 'delivered')
          and not ${ASKED} e.subject = 'mayor')`,
  },
  {
    invariant: 15,
    what: "a permission request has no answer",
    sql: "select session_id as id, request_id as detail from permissions where decision = 'pending'",
  },
  {
    invariant: 10,
    what: "a session is left",
    // An escalation that is bumped in the last hour wakes the mayor once more.
    sql: `select id, role || ' ' || state as detail from sessions where state <> 'ended'
          and not (role = 'mayor' and started_at > (select last_time from town) - 3600000)`,
  },
];

export function checkRest(sql: Sql): void {
  for (const rest of AT_REST) {
    const [row] = sql.all<Row & { id: string; detail: string }>(rest.sql);
    if (row) throw new ViolationFound(rest.invariant, `at the end ${rest.what}: ${row.id} (${row.detail})`);
  }
}
