import type { Sql } from "@gastown/town";
import type { ServerStore } from "./store.ts";

/** The server's storage on any SQL port; makes its tables where they are missing. */
export declare function sqlServerStore(sql: Sql): ServerStore;
