/** Lists of beads, as people and scripts ask for them (spec/api.md §3.6). */
import { GastownError, type Bead, type BeadFilter, type BeadStatus } from "@gastown/protocol";
import { PRIORITIES, type BeadRow } from "../beads/bead-row.ts";
import type { Ctx } from "../kernel/context.ts";
import type { SqlValue } from "../kernel/sql.ts";
import type { Page, PageQuery } from "../town.ts";
import { toBeads } from "./beads.ts";

export const LIVE: readonly BeadStatus[] = ["open", "in_progress", "in_review", "failed"];

/** One condition of a list, with its values. */
export type Condition = readonly [condition: string, ...values: SqlValue[]];

/** Beads by filter, newest first; the cursor is the last row's place in that order. Throws `invalid_cursor`. */
export function listBeads(ctx: Ctx, filter: BeadFilter, page: PageQuery): Page<Bead> {
  const limit = Math.min(Math.max(page.limit ?? 50, 1), 200);
  const statuses = filter.status ?? LIVE;
  const conditions = [...conditionsOf(filter, statuses), ...placeOf(page.cursor)];
  // In an old town nearly everything is closed: a list without that passes over none of it.
  const isSmall = filter.convoyId !== undefined || filter.idEnding !== undefined;
  const index = isSmall || statuses.includes("closed") ? "" : "indexed by beads_not_closed";
  const rows = ctx.sql.all<BeadRow>(
    `select * from beads ${index} where ${conditions.map(([condition]) => condition).join(" and ")}
     order by created_at desc, id desc limit ?`,
    ...conditions.flatMap(([, ...values]) => values),
    limit + 1,
  );
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  return {
    items: toBeads(ctx, items),
    nextCursor: rows.length > limit && last ? `${last.created_at}.${last.id}` : null,
  };
}

/** Ids alone, newest first. */
export function matchingIds(ctx: Ctx, filter: BeadFilter, limit: number): string[] {
  const conditions = conditionsOf(filter, filter.status ?? LIVE);
  return ctx.sql
    .all<{ id: string }>(
      `select id from beads where ${conditions.map(([condition]) => condition).join(" and ")}
       order by created_at desc, id desc limit ?`,
      ...conditions.flatMap(([, ...values]) => values),
      limit,
    )
    .map(({ id }) => id);
}

export function conditionsOf(filter: BeadFilter, statuses: readonly string[]): Condition[] {
  const { type, kind, rigId, convoyId, parentId, held, ready, updatedSince, q, idEnding } = filter;
  const oneOf = (column: string, values: readonly (string | number)[] | undefined): Condition[] =>
    values === undefined ? [] : [[`${column} in (select value from json_each(?))`, JSON.stringify(values)]];
  return [
    ...oneOf("status", statuses),
    // For the index, which holds the beads of which this is true.
    ...(statuses.includes("closed") ? [] : [["status <> 'closed'"] as const]),
    ...oneOf("type", type),
    ...oneOf("kind", kind),
    ...oneOf("json_extract(waiting, '$.code')", filter.waitingOn),
    ...(filter.priority === undefined
      ? []
      : oneOf(
          "priority",
          filter.priority.map((one) => PRIORITIES.indexOf(one)),
        )),
    ...(filter.label === undefined
      ? []
      : [
          [
            "exists (select 1 from json_each(beads.labels) l join json_each(?) w on l.value = w.value)",
            JSON.stringify(filter.label),
          ] as const,
        ]),
    ...(parentId === undefined ? [] : [["parent_id = ?", parentId] as const]),
    ...(ready === undefined ? [] : [["ready = ?", ready ? 1 : 0] as const]),
    ...(updatedSince === undefined ? [] : [["updated_at >= ?", Date.parse(updatedSince)] as const]),
    ...(rigId === undefined ? [] : [["rig_id = ?", rigId] as const]),
    ...(convoyId === undefined ? [] : [["convoy_id = ?", convoyId] as const]),
    ...(held === undefined ? [] : [[`held is ${held ? "not " : ""}null`] as const]),
    ...(q === undefined ? [] : [["title like '%' || ? || '%'", q.slice(0, 40)] as const]),
    ...(idEnding === undefined
      ? []
      : [["ending like '%' || ?", idEnding.replace(/^[a-z]+_/, "").toLowerCase()] as const]),
  ];
}

function placeOf(cursor: string | undefined): Condition[] {
  if (cursor === undefined) return [];
  const [, at, id] = /^(\d{1,16})\.([a-z]+_[0-9A-Z]{26})$/.exec(cursor) ?? [];
  if (at !== undefined && id !== undefined) return [["(created_at, id) < (?, ?)", Number(at), id]];
  throw new GastownError(
    "invalid_cursor",
    "This cursor is not one of ours. Read the list again from its beginning.",
  );
}
