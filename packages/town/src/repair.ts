/**
 * What `gastown doctor --fix` may do to a stored town (spec/town.md §8): make everything due that is
 * alive and that nothing would look at any more. Being due for nothing costs one look and changes
 * nothing, so this is safe; states, verdicts and work are never touched.
 */
import { audit } from "./audit/audit.ts";
import { laneId } from "./dependents.ts";
import type { Ctx } from "./kernel/context.ts";
import { schedule, type EntityKind } from "./kernel/schedule.ts";

export interface Repair {
  kind: EntityKind;
  id: string;
}

/** Everything alive without a time of its own, as `kind` and `id`. */
const FORGOTTEN = `
  select * from (select 'bead' as kind, b.id from beads b where b.type = 'issue' and b.status = 'open' and b.waiting is null and b.ready = 0
  union select 'session', x.id from sessions x where x.state <> 'ended'
  union select 'merge', m.bead_id from merge_requests m where m.state in ('queued', 'reviewing', 'approved', 'changes_requested')
    and (m.waiting is null or json_extract(m.waiting, '$.code') in ('review_slot', 'landing_queue'))
  ) union select * from (select 'convoy', c.bead_id from convoys c where c.state in ('active', 'landing')
  union select 'rig', r.id from rigs r where r.state = 'broken'
    and exists (select 1 from beads b where b.rig_id = r.id and b.ready = 1)
  union select 'dispatch', r.id from rigs r where exists (select 1 from beads b where b.rig_id = r.id and b.ready = 1))`;

/** Says what it would make due; with `apply` it does, in the audit. */
export function repair(ctx: Ctx, apply: boolean): Repair[] {
  const forgotten = ctx.sql.all<{ kind: EntityKind; id: string }>(
    `select f.kind, f.id from (${FORGOTTEN}) f
     where not exists (select 1 from schedule s where s.kind = f.kind and s.id = f.id) order by f.kind, f.id`,
  );
  const broken = forgotten.filter((one) => !waitsForAnother(ctx, one)).map(({ kind, id }) => ({ kind, id }));
  if (!apply) return broken;
  for (const { kind, id } of broken) {
    schedule(ctx, kind, id);
    if (kind === "merge") scheduleLane(ctx, id);
  }
  if (broken.length > 0) {
    audit(ctx, {
      kind: "town.repaired",
      subject: { type: "town", id: ctx.townId },
      text: `${broken.length} things that nobody would have looked at any more are looked at again`,
      data: { repaired: broken.slice(0, 200) },
    });
  }
  return broken;
}

/** Whether an event that is still to come will look at it: then nothing is wrong. */
function waitsForAnother(ctx: Ctx, { kind, id }: Repair): boolean {
  switch (kind) {
    case "convoy":
      return exists(
        ctx,
        `select 1 as n from beads b where b.convoy_id = ?1 and b.type = 'issue' and (b.status in ('open', 'in_progress', 'in_review')
           or b.status = 'failed' and b.waived = 0)
         union select 1 from merge_requests m where m.source_id = ?1 and m.state not in ('merged', 'failed')
         union select 1 from escalations e where e.subject = ?1 and e.open = 1`,
        id,
      );
    case "rig":
      return exists(
        ctx,
        "select 1 as n from outbox where subject = ?1 and state in ('pending', 'running', 'accepted')",
        id,
      );
    case "merge":
      return exists(
        ctx,
        `select 1 as n from sessions where bead_id = ?1 and state <> 'ended'
         union select 1 from merge_requests m join merge_requests o on o.rig_id = m.rig_id and o.target = m.target
           where m.bead_id = ?1 and o.state = 'landing'
         union select 1 from merge_requests m join sessions x on x.rig_id = m.rig_id and x.state <> 'ended' where m.bead_id = ?1
         union select 1 from schedule s join merge_requests m on s.id in (m.rig_id, m.rig_id || ' ' || m.target) where m.bead_id = ?1
         union select 1 from dependencies d join beads b on b.id = d.to_id where d.from_id = ?1 and d.kind = 'blocks' and b.status <> 'closed'`,
        id,
      );
    case "dispatch":
      return exists(
        ctx,
        `select 1 as n from town where paused_at is not null or runner_draining = 1
         union select 1 from rigs where id = ?1 and state <> 'ready'
         union select 1 from sessions where state <> 'ended'`,
        id,
      );
    default:
      return false;
  }
}

function exists(ctx: Ctx, sql: string, id: string): boolean {
  return ctx.sql.get(sql, id) !== undefined;
}

function scheduleLane(ctx: Ctx, mergeId: string): void {
  const merge = ctx.sql.get<{ rig_id: string; target: string }>(
    "select rig_id, target from merge_requests where bead_id = ?",
    mergeId,
  );
  if (!merge) return;
  schedule(ctx, "lane", laneId(merge.rig_id, merge.target));
  schedule(ctx, "dispatch", merge.rig_id);
}
