/**
 * Where a ready bead stands among those of its rig that wait for an agent: 1 is next (spec/town.md §5). The
 * order is that of the dispatcher. Counted along its index and once for all of a list: a queue may be long.
 */
import type { BeadRow } from "../beads/bead-row.ts";
import type { Ctx } from "../kernel/context.ts";

type Place = (row: BeadRow) => number;

/** Of these beads, each at the first time that one of its class and priority is asked for. */
export function placesInQueue(ctx: Ctx, rows: readonly BeadRow[]): Place {
  const counted = new Map<string, ReadonlyMap<string, number>>();
  return (row) => {
    const group = groupOf(row);
    let places = counted.get(group);
    if (places === undefined) {
      const others = rows.filter((one) => one.ready === 1 && groupOf(one) === group);
      places = placesOfGroup(ctx, row, others);
      counted.set(group, places);
    }
    return places.get(row.id) ?? 1;
  };
}

const groupOf = (row: BeadRow): string => `${row.rig_id} ${row.dispatch_class} ${row.priority}`;

function placesOfGroup(ctx: Ctx, group: BeadRow, rows: readonly BeadRow[]): Map<string, number> {
  const { rig_id, dispatch_class, priority } = group;
  const count = (condition: string, ...values: (string | number)[]): number =>
    ctx.sql.get<{ n: number }>(
      `select count(*) as n from beads where rig_id = ? and ready = 1 and ${condition}`,
      rig_id,
      ...values,
    )?.n ?? 0;
  let before =
    count("dispatch_class < ?", dispatch_class) +
    count("dispatch_class = ? and priority > ?", dispatch_class, priority);
  const places = new Map<string, number>();
  let from: readonly [number, number, string] = [-1, -1, ""];
  for (const row of rows.toSorted(inOrder)) {
    const to = [row.convoy_at, row.created_at, row.id] as const;
    before += count(
      `dispatch_class = ? and priority = ?
       and (convoy_at, created_at, id) >= (?, ?, ?) and (convoy_at, created_at, id) < (?, ?, ?)`,
      dispatch_class,
      priority,
      ...from,
      ...to,
    );
    places.set(row.id, before + 1);
    from = to;
  }
  return places;
}

function inOrder(a: BeadRow, b: BeadRow): number {
  return a.convoy_at - b.convoy_at || a.created_at - b.created_at || (a.id < b.id ? -1 : 1);
}
