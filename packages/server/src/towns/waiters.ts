/** Calls that wait for a change of the town, without polling it: every change tries all of them. */
import type { Town } from "@gastown/town";
import type { ClockPorts } from "../ports.ts";

interface Waiter {
  /** True when the wait is over. */
  attempt: () => boolean;
  giveUp: () => void;
}

export interface Waiters {
  wait<T>(
    read: (town: Town) => T | undefined,
    timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<T | undefined>;
  /** The town changed. */
  changed(): void;
  /** Ends every wait without a value. */
  close(): void;
  readonly size: number;
}

export function createWaiters(town: Town, setTimer: ClockPorts["setTimer"]): Waiters {
  const waiting = new Set<Waiter>();

  const wait = <T>(
    read: (town: Town) => T | undefined,
    timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<T | undefined> => {
    const { promise, resolve, reject } = Promise.withResolvers<T | undefined>();
    let cancelTimer = (): void => {};
    const giveUp = (): void => {
      resolve(undefined);
      end();
    };
    const attempt = (): boolean => {
      try {
        const value = read(town);
        if (value === undefined) return false;
        resolve(value);
      } catch (error) {
        reject(error instanceof Error ? error : new Error(String(error)));
      }
      end();
      return true;
    };
    const waiter: Waiter = { attempt, giveUp };
    const end = (): void => {
      waiting.delete(waiter);
      cancelTimer();
      signal?.removeEventListener("abort", giveUp);
    };
    if (attempt()) return promise;
    if (signal?.aborted || timeoutMs <= 0) {
      giveUp();
      return promise;
    }
    waiting.add(waiter);
    cancelTimer = setTimer(timeoutMs, giveUp);
    signal?.addEventListener("abort", giveUp);
    return promise;
  };

  return {
    wait,
    changed() {
      for (const waiter of Array.from(waiting)) waiter.attempt();
    },
    close() {
      for (const waiter of Array.from(waiting)) waiter.giveUp();
    },
    get size() {
      return waiting.size;
    },
  };
}
