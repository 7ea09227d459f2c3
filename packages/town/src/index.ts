export * from "./kernel/sql.ts";
export * from "./kernel/sql-check.ts";
export { idMaker, type MakeId } from "./kernel/ids.ts";
export type { TurnToGive } from "./mayor/give.ts";
export { openTown } from "./open-town.ts";
export { forgeMessage } from "./reviews/poll-messages.ts";
export type { TokenClaim } from "./credentials/issue.ts";
export type { StoredSecret } from "./credentials/store.ts";
export type * from "./town.ts";
