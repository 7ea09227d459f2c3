import { DatabaseSync } from "node:sqlite";
import { nodeSql, sqlOptions } from "../../apps/node/src/storage/node-sql.ts";
import type { WithSql } from "./host.ts";

export const withSql: WithSql = async (fn) => {
  const db = new DatabaseSync(":memory:", sqlOptions);
  try {
    return await fn(nodeSql(db));
  } finally {
    db.close();
  }
};
