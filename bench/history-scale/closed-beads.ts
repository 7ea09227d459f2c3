/**
 * A long past by bulk SQL: one bead goes through the engine until it is merged, then its rows are copied under
 * other ids, whatever columns a table has. `checkInvariants` agrees with what comes of it.
 */
import type { Row, Sql } from "@gastown/town";
import { PERSON, type Harness } from "../../packages/town/src/scenarios/harness.ts";

/** Whose rows are copied, and the column by which a row belongs to the bead or one of its sessions. */
const TABLES: readonly (readonly [table: string, belongs: string])[] = [
  ["beads", "id"],
  ["merge_requests", "bead_id"],
  ["sessions", "bead_id"],
  ["audit", "bead_id"],
];

/** Adds so many merged beads, each with its merge request, sessions and events, in one transaction. */
export function addClosedBeads(h: Harness, count: number): void {
  const source = h.town.sling(h.rig, { title: "Long ago" }, { held: false }, PERSON).id;
  h.settle();
  const merge = h.sql.get<{ id: string }>(
    "select bead_id as id from merge_requests where source_id = ?",
    source,
  );
  if (h.town.bead(source).status !== "closed" || merge === undefined) throw new Error("it was not merged");
  const sessions = h.sql.all<{ id: string }>(
    "select id from sessions where bead_id in (?, ?)",
    source,
    merge.id,
  );
  const ids = [source, merge.id, ...sessions.map(({ id }) => id)];
  h.sql.transaction(() => {
    for (const [table, belongs] of TABLES) {
      const rows = h.sql.all(`select * from ${table} where ${belongs} in (?, ?)`, source, merge.id);
      for (const row of rows) copies(h.sql, table, row, ids, count);
    }
  });
}

/** An id keeps its beginning and gets a number of its own for its end, in every column that names it. */
function copies(sql: Sql, table: string, row: Row, ids: readonly string[], count: number): void {
  const { seq: _, ...kept } = row;
  const names = Object.keys(kept);
  const end = (id: unknown): string =>
    `printf('%08d', 10000000 + n * ${ids.length} + ${ids.findIndex((one) => one === id)})`;
  const values = names.map((name) => {
    const value = kept[name];
    if (name === "ending") return end(kept["id"]);
    if (typeof value !== "string" || !ids.some((id) => value.includes(id))) return "?";
    return ids.reduce((text, id) => `replace(${text}, '${id}', '${id.slice(0, -8)}' || ${end(id)})`, "?");
  });
  sql.run(
    `with recursive counted (n) as (select 1 union all select n + 1 from counted where n < ${count})
     insert into ${table} (${names.join(", ")}) select ${values.join(", ")} from counted`,
    ...names.filter((name) => name !== "ending").map((name) => kept[name] ?? null),
  );
}
