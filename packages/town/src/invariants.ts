/** The invariants of spec/town.md §8 that stored state alone can show. */
import type { Ctx } from "./kernel/context.ts";

interface Check {
  id: number;
  title: string;
  /** Selects the ids that violate it as `id`. */
  sql: string;
}

const CHECKS: readonly Check[] = [
  {
    id: 1,
    title: "At most one live session per agent and per bead",
    sql: `select agent_id as id from sessions where state <> 'ended' group by agent_id having count(*) > 1
          union select bead_id from sessions where state <> 'ended' and bead_id is not null group by bead_id having count(*) > 1`,
  },
  {
    id: 3,
    title: "A final status never changes",
    sql: `select a.subject_id as id from audit a where a.kind = 'bead.status_changed' and a.from_state = 'closed'`,
  },
  {
    id: 4,
    title: "An issue is in review if and only if exactly one live merge request tracks it",
    sql: `select b.id from beads b where b.type = 'issue' and (b.status = 'in_review') <>
          ((select count(*) from merge_requests m where m.source_id = b.id and m.state not in ('merged', 'failed')) = 1)`,
  },
  {
    id: 5,
    title: "Nothing is merged that had not landed; what the town merged is the reviewed head",
    sql: `select bead_id as id from merge_requests where state = 'merged' and (merge_commit is null
            or (strategy = 'pr' and merged_head is null)
            or (strategy = 'pr' and merged_outside = 0 and merged_head <> reviewed_sha))`,
  },
  {
    id: 6,
    title:
      "The town merges nothing without a current approval, with an open blocker, an unknown signal, or a draft",
    sql: `select bead_id as id from merge_requests where state in ('landing', 'merged') and merged_outside = 0
            and (reviewed_sha is null or reviewed_sha <> head_sha)
          union select m.bead_id from merge_requests m where m.state = 'landing' and m.strategy = 'pr' and (
            m.pr_reading is null
            or json_extract(m.pr_reading, '$.pr.state') is not 'open'
            or json_extract(m.pr_reading, '$.pr.draft') is not 0
            or json_extract(m.pr_reading, '$.pr.head_sha') is not m.reviewed_sha
            or json_extract(m.pr_reading, '$.pr.base') is not m.target
            or json_extract(m.pr_reading, '$.pr.mergeable') not in ('clean', 'has_hooks', 'unstable')
            or json_extract(m.pr_reading, '$.signals.threads.state') is not 'known'
            or exists (select 1 from json_each(m.pr_reading, '$.signals.threads.unresolved') t
                       where json_extract(m.thread_verdicts, '$."' || json_extract(t.value, '$.id') || '".blocking') is not 0)
            or json_extract(m.pr_reading, '$.signals.checks.state') is not 'known'
            or exists (select 1 from json_each(m.pr_reading, '$.signals.checks.items') c
                       where json_extract(c.value, '$.state') not in ('success', 'skipped', 'neutral'))
            or json_extract(m.pr_reading, '$.signals.approval.state') is not 'known'
            or json_extract(m.pr_reading, '$.signals.approval.decision') not in ('approved', 'none'))
          union select m.bead_id from merge_requests m join dependencies d on d.from_id in (m.bead_id, m.source_id) and d.kind = 'blocks'
            join beads b on b.id = d.to_id where m.state = 'landing' and b.status not in ('closed', 'failed') and b.waived = 0
            and not exists (select 1 from audit a where a.subject_id = b.id and a.kind = 'bead.retried' and a.seq > coalesce(
              (select max(l.seq) from audit l where l.subject_id = m.bead_id and l.kind = 'merge.started'), 0))`,
  },
  {
    id: 8,
    title: "A convoy is landed only if all members are done and each of its landing merge requests merged",
    sql: `select c.bead_id as id from convoys c where c.state = 'landed' and (
          exists (select 1 from beads b where b.convoy_id = c.bead_id and b.type = 'issue' and b.waived = 0
                  and (b.status <> 'closed' or b.reason not in ('merged', 'pushed', 'no_changes', 'done_elsewhere', 'moot', 'waived')))
          or exists (select 1 from merge_requests m where m.source_id = c.bead_id and m.lands_convoy = 1
                     and m.state not in ('merged', 'failed'))
          or exists (select 1 from convoy_branches f where f.convoy_id = c.bead_id
                     and exists (select 1 from merge_requests w where w.convoy_id = c.bead_id and w.rig_id = f.rig_id
                                 and w.lands_convoy = 0 and w.state = 'merged')
                     and not exists (select 1 from merge_requests l where l.source_id = c.bead_id and l.rig_id = f.rig_id
                                     and l.lands_convoy = 1 and l.state = 'merged')))`,
  },
  {
    id: 9,
    title: "Failed attempts never pass the cap, and an open bead rests after one",
    sql: `select id from beads where type = 'issue' and (start_failures > 20 or run_failures > 20)
          union select id from beads where type = 'issue' and status = 'open' and ready = 1
            and cooldown_until > (select last_time from town)`,
  },
  {
    id: 10,
    title: "Every live entity has a time or a wait",
    // In two parts: a Durable Object takes five terms of one compound select.
    sql: `select * from (select b.id from beads b where b.type = 'issue' and b.status = 'open' and b.waiting is null and b.ready = 0
            and not exists (select 1 from schedule s where s.kind = 'bead' and s.id = b.id)
          union select b.id from beads b where b.type = 'issue' and b.status = 'in_progress'
            and not exists (select 1 from sessions x where x.bead_id = b.id and x.state <> 'ended')
          union select m.bead_id from merge_requests m where m.state in ('queued', 'approved', 'changes_requested') and m.waiting is null
            and not exists (select 1 from schedule s where s.kind = 'merge' and s.id = m.bead_id)
          union select m.bead_id from merge_requests m where m.state = 'landing'
            and not exists (select 1 from outbox o where o.subject = m.bead_id and o.state in ('pending', 'running', 'accepted'))
            and not exists (select 1 from inbox i where i.state = 'pending')
          ) union select * from (select x.id from sessions x where x.state <> 'ended'
            and not exists (select 1 from schedule s where s.kind = 'session' and s.id = x.id)
          union select c.bead_id from convoys c where c.state in ('active', 'landing')
            and not exists (select 1 from schedule s where s.kind = 'convoy' and s.id = c.bead_id)
            and not exists (select 1 from escalations e where e.open = 1 and (e.subject = c.bead_id or e.subject in
                            (select l.bead_id from merge_requests l where l.source_id = c.bead_id)))
            and not exists (select 1 from merge_requests m where m.source_id = c.bead_id and m.state not in ('merged', 'failed'))
            and not exists (select 1 from beads b where b.convoy_id = c.bead_id and b.type = 'issue'
                            and (b.status in ('open', 'in_progress', 'in_review') or b.status = 'failed' and b.waived = 0))
            and exists (select 1 from beads b where b.convoy_id = c.bead_id and b.type = 'issue')
          union select r.id from rigs r where r.state <> 'ready'
            and (r.state <> 'broken' or exists (select 1 from beads b where b.rig_id = r.id and b.ready = 1))
            and not exists (select 1 from schedule s where s.kind = 'dispatch' and s.id = r.id)
            and not exists (select 1 from schedule s where s.kind = 'rig' and s.id = r.id)
            and not exists (select 1 from outbox o where o.subject = r.id and o.state in ('pending', 'running', 'accepted'))
            and not exists (select 1 from inbox i where i.state = 'pending'))`,
  },
  {
    id: 14,
    title: "Every effect is on its way to an end, and of one subject only one is carried out at a time",
    sql: `select id from outbox where state not in ('pending', 'running', 'accepted', 'done', 'dead')
          union select id from outbox where state in ('running', 'accepted') and deadline = 0
          union select subject from outbox where state = 'running' group by subject having count(*) > 1`,
  },
  {
    id: 15,
    title:
      "Every message and nudge is shown by one live session, waits for one, or is reported as not delivered",
    sql: `select n.id from nudges n where n.state in ('pending', 'claimed') and exists (
            select 1 from sessions x where x.id = coalesce(n.claimed_by, n.session_id) and x.state = 'ended')
          union select n.id from nudges n where n.state = 'delivered' and n.claimed_by is null
          union select m.id from messages m where m.delivered_at is null and exists (
            select 1 from sessions x where x.id = m.claimed_by and x.state = 'ended')`,
  },
];

export interface Violation {
  id: number;
  title: string;
  subjects: string[];
}

export function checkInvariants(ctx: Ctx): Violation[] {
  return CHECKS.flatMap((check) => {
    const rows = ctx.sql.all<{ id: string }>(check.sql);
    return rows.length === 0
      ? []
      : [{ id: check.id, title: check.title, subjects: rows.map((row) => row.id) }];
  });
}
