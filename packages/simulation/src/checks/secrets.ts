/** 13: a credential is in the table of secrets, and nowhere else. */
import type { Row, Sql } from "@gastown/town";
import { ViolationFound } from "./violation.ts";

/** In every credential that the people of a simulation set. */
export const SECRET_MARK = "sealed-and-unmistakable";

const KEPT_IN = "secrets";

export function checkSecrets(sql: Sql): void {
  const tables = sql.all<Row & { name: string }>(
    "select name from sqlite_master where type = 'table' and name not like 'sqlite_%'",
  );
  for (const { name } of tables.filter((table) => table.name !== KEPT_IN)) {
    for (const row of sql.all(`select * from "${name}"`))
      if (Object.values(row).some((value) => typeof value === "string" && value.includes(SECRET_MARK)))
        throw new ViolationFound(13, `a credential is in the table ${name}: ${JSON.stringify(row)}`);
  }
}
