export * from "./kernel/sql.ts";
export * from "./kernel/sql-check.ts";
export type * from "./town.ts";
