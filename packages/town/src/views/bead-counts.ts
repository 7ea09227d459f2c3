/** How many beads there are, by whatever they are grouped by (spec/api.md §3.5, beads.counts). */
import type { BeadFilter, CountsAnswer, CountsBy } from "@gastown/protocol";
import { PRIORITIES } from "../beads/bead-row.ts";
import { DAY, type Ctx } from "../kernel/context.ts";
import { iso } from "../kernel/iso.ts";
import type { Row } from "../kernel/sql.ts";
import { conditionsOf, LIVE, type Condition } from "./bead-list.ts";

const MOST_GROUPS = 1_000;

/** What a reader sees of an open bead: its own wait, else what keeps its whole rig, else a slot. */
const WAITING = `case when status <> 'open' then null
  when waiting is not null then json_extract(waiting, '$.code')
  else coalesce((select json_extract(gate, '$.code') from rigs where rigs.id = beads.rig_id), 'no_slot') end`;

const COLUMN = `case status when 'in_progress' then 'working' when 'in_review' then 'in_review'
  when 'failed' then 'failed' when 'closed' then 'done_24h'
  else case when held is not null then 'held' when ready = 1 then 'ready' else 'blocked' end end`;

const KEYS: Record<Exclude<CountsBy, "label">, string> = {
  column: COLUMN,
  status: "status",
  waitingOn: WAITING,
  rigId: "rig_id",
  convoyId: "convoy_id",
  priority: "priority",
};

type CountRow = Row & { key: string | number | null; count: number; since: number };

/** Units of work unless the filter says otherwise; closed ones as lists do, of a day in `column`. */
export function beadCounts(ctx: Ctx, filter: BeadFilter, by: CountsBy): CountsAnswer {
  const wanted = { type: ["issue" as const], ...filter };
  const rows = [
    ...group(ctx, by, conditionsOf(wanted, wanted.status ?? LIVE)),
    ...(by === "column" && filter.status === undefined ? doneToday(ctx, wanted) : []),
  ];
  return {
    items: rows
      .filter(({ key }) => key !== null)
      .map(({ key, count, since }) => ({ key: nameOf(by, key), count, oldestSince: iso(since) })),
  };
}

/** By the index of status and time: an old town has many that were closed before. */
function doneToday(ctx: Ctx, filter: BeadFilter): CountRow[] {
  const recent: Condition = ["updated_at >= ?", ctx.now - DAY];
  return group(ctx, "column", [...conditionsOf(filter, ["closed"]), recent]);
}

function group(ctx: Ctx, by: CountsBy, conditions: readonly Condition[]): CountRow[] {
  const where = conditions.map(([condition]) => condition).join(" and ");
  const found = `select ${by === "label" ? "labels" : `${KEYS[by]} as key`}, updated_at from beads where ${where}`;
  // A bead counts under each of its labels.
  const from =
    by === "label"
      ? `(select value as key, updated_at from (${found}) f, json_each(f.labels))`
      : `(${found})`;
  return ctx.sql.all<CountRow>(
    `select key, count(*) as count, min(updated_at) as since from ${from}
     group by key order by count desc, key limit ${MOST_GROUPS}`,
    ...conditions.flatMap(([, ...values]) => values),
  );
}

function nameOf(by: CountsBy, key: string | number | null): string {
  return by === "priority" ? (PRIORITIES[Number(key)] ?? String(key)) : String(key);
}
