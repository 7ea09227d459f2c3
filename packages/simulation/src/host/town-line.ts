/** What the other processes see of a host. */
import type { Town } from "@gastown/town";
import type { Reply } from "../kernel/network.ts";

export interface TownLine {
  /** The machine's wall clock, in epoch milliseconds. */
  wall(): number;
  /** A command: one transaction, a tick follows at once. */
  request<T>(fn: (town: Town) => T): Reply<T>;
  /** `over(true)` as soon as `look` says so; `over(false)` after `timeoutMs` or with the host's death. */
  wait(look: (town: Town) => boolean, timeoutMs: number, over: (found: boolean) => void): void;
}
