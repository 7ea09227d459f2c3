/** How long an ending session waits for what is under way, in milliseconds. */

/** For a turn whose outcome the town has already: the agent reads "you are finished". */
export const OUTCOME_GRACE_MS = 5_000;
export const FENCED_GRACE_MS = 2_000;
export const SETTLE_LIMIT_MS = 30_000;
/** A dying agent first breaks its connection: its death says more than that error does. */
export const DEATH_NOTICE_MS = 1_000;
