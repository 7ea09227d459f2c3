/** What every function of the engine is given: storage, the town's time, ids, and who asks. */
import type { Actor } from "../town.ts";
import type { MakeId } from "./ids.ts";
import type { Sql } from "./sql.ts";

export interface Ctx {
  readonly sql: Sql;
  readonly townId: string;
  /** The town's time in epoch ms: never earlier than any time that was used before. */
  readonly now: number;
  readonly id: MakeId;
  readonly actor: Actor;
  readonly fallbackRuntime: string;
}

/** Each call is one transaction at the town's own time; `write` stores that time. */
export interface Access {
  read: <T>(fn: (ctx: Ctx) => T) => T;
  write: <T>(actor: Actor, fn: (ctx: Ctx) => T) => T;
}

export const TOWN_ACTOR: Actor = { kind: "town", id: "town", name: "town" };

export const SECOND = 1_000;
export const MINUTE = 60_000;
export const HOUR = 3_600_000;
export const DAY = 24 * HOUR;

/** The wait after the n-th failure in a row: 30 s, 1, 2, 5, 10 min (spec/town.md §5). */
export function attemptBackoff(failures: number): number {
  const steps = [30 * SECOND, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE];
  return steps[Math.min(Math.max(failures, 1), steps.length) - 1] ?? 10 * MINUTE;
}

/** 1 s, doubling, to 5 min: effects and failing controllers (spec/town.md §4). */
export function retryBackoff(attempt: number): number {
  return Math.min(SECOND * 2 ** Math.min(Math.max(attempt, 1) - 1, 16), 5 * MINUTE);
}
