/** Stored rows that are not what they should be, one by one (spec/town.md §1): for `gastown doctor`. */
import type { Sql } from "../kernel/sql.ts";
import { rowsOf } from "./export.ts";
import { exportedTables } from "./tables.ts";

export interface FaultyRow {
  table: string;
  /** Its primary key. */
  key: string;
  /** Column and reason, never the value: it may be somebody's secret. */
  problem: string;
}

/** At most `limit` of them. `sql` must be of this version. */
export function faultyRows(sql: Sql, limit: number): FaultyRow[] {
  const found: FaultyRow[] = [];
  for (const table of exportedTables(sql)) {
    for (const row of rowsOf(sql, table)) {
      const checked = table.schema.safeParse(row);
      if (checked.success) continue;
      const [issue] = checked.error.issues;
      const key = table.key.map((column) => String(row[column])).join(" ");
      found.push({
        table: table.name,
        key,
        problem: `${issue?.path.join(".") ?? ""}: ${issue?.message ?? "not what it should be"}`,
      });
      if (found.length >= limit) return found;
    }
  }
  return found;
}
