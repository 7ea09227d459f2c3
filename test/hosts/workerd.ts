import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { doSql } from "./do-sql.ts";
import type { WithSql } from "./host.ts";

export const withSql: WithSql = (fn) => {
  const stub = env.SQL_HOST.get(env.SQL_HOST.newUniqueId());
  return runInDurableObject(stub, (_object, state) => fn(doSql(state.storage)));
};
