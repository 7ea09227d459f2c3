/** Calls that wait for a change of the town, without polling it: every change tries all of them. */
import type { Town } from "@gastown/town";
import type { ClockPorts } from "../ports.ts";

interface Waiter {
  /** True when the wait is over. */
  attempt(): boolean;
  giveUp(): void;
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

  const wait: Waiters["wait"] = <T>(
    read: (town: Town) => T | undefined,
    timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<T | undefined> => {
    const { promise, resolve, reject } = Promise.withResolvers<T | undefined>();
    const end = (): void => {
      waiting.delete(waiter);
      cancelTimer();
      signal?.removeEventListener("abort", waiter.giveUp);
    };
    const waiter: Waiter = {
      attempt() {
        try {
          const value = read(town);
          if (value === undefined) return false;
          resolve(value);
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
        end();
        return true;
      },
      giveUp() {
        resolve(undefined);
        end();
      },
    };
    let cancelTimer = (): void => {};
    if (waiter.attempt()) return promise;
    if (signal?.aborted || timeoutMs <= 0) {
      waiter.giveUp();
      return promise;
    }
    waiting.add(waiter);
    cancelTimer = setTimer(timeoutMs, waiter.giveUp);
    signal?.addEventListener("abort", waiter.giveUp);
    return promise;
  };

  return {
    wait,
    changed() {
      for (const waiter of [...waiting]) waiter.attempt();
    },
    close() {
      for (const waiter of [...waiting]) waiter.giveUp();
    },
    get size() {
      return waiting.size;
    },
  };
}
