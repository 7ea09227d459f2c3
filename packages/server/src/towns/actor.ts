/**
 * One open town in one host, and the only way to it (spec/town.md §3). Commands run one after the
 * other because the engine is synchronous; everything that waits does so outside of it.
 */
import type { ClaimedEffect, EffectAnswer, Town } from "@gastown/town";
import type { TownFeed } from "../live/feed.ts";
import type { FollowLog } from "../reading/follow-log.ts";
import type { Tickets } from "../live/tickets.ts";
import type { ClockPorts, EventSink } from "../ports.ts";

/** Carries one effect out; never rejects: what went wrong is an answer too. */
export type PerformEffect = (
  townId: string,
  effect: ClaimedEffect,
  signal: AbortSignal,
) => Promise<EffectAnswer>;

export interface TownActorOptions extends ClockPorts {
  town: Town;
  perform: PerformEffect;
  sink: EventSink;
  randomBytes: (count: number) => Uint8Array;
  /** The server's version, told to live pages. */
  version: string;
  /** Reads a log on while its runner writes it. Left out: logs are read in pages only. */
  followLog?: FollowLog;
  /** After each tick: when `wake()` is wanted next (epoch ms); null: never by itself. */
  onNextWake(at: number | null): void;
  /** Before the first commit since the last `onNextWake`: the host marks its wake index *now*. */
  onBeforeWrite?(): void;
  /** Runs `fn` so that its commit is on the disk when it returns. Left out: an ordinary commit. */
  durably?: <T>(fn: () => T) => T;
}

export interface TownActor {
  readonly id: string;
  /** Its live pages. */
  readonly feed: TownFeed;
  readonly tickets: Tickets;
  /** Reads; no tick follows. */
  read<T>(fn: (town: Town) => T): T;
  /** Executes a command; a tick follows at once. Throws what the command throws. */
  run<T>(fn: (town: Town) => T): T;
  /** A tick is due (the host calls it at the time of `onNextWake`). */
  wake(): void;
  /**
   * Resolves with the first value that `read` gives, tried now and after every change of the town;
   * with undefined after `timeoutMs`, when `signal` aborts, or when the town closes.
   */
  wait<T>(
    read: (town: Town) => T | undefined,
    timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<T | undefined>;
  /** Whether nobody watches or waits and nothing runs: the host may close it. */
  idle(): boolean;
  /** Takes no more work, waits for running effects, lets the pages go (1001). */
  close(): Promise<void>;
}
