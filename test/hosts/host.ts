/** What `#host` is: the same storage for a test on either host. Node and workerd each implement it. */
import type { Sql } from "@gastown/town";

/** Calls `fn` with an empty database that belongs to this call alone. */
export type WithSql = <T>(fn: (sql: Sql) => T | Promise<T>) => Promise<T>;

export declare const withSql: WithSql;
