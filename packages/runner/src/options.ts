import type { RuntimeOverride } from "./agents/runtimes.ts";

/** Where the runner writes what happened. `data` never holds a secret. */
export type Log = (event: string, data: object) => void;

export interface RunnerOptions {
  /** Absolute work directory of this town; the runner holds an exclusive lock on it for its life. */
  readonly root: string;
  /** Origin of the server, without a trailing slash, e.g. `http://127.0.0.1:7331`. */
  readonly apiUrl: string;
  readonly townId: string;
  /** Proves to the town that its host started this process; forgotten after registration. */
  readonly bootSecret: string;
  readonly version: string;
  /** Whether paths and `file://` urls are repositories too. */
  readonly allowLocal: boolean;
  /** Environment of git processes (credentials of the host, proxies); the marker is added. */
  readonly gitEnv: Readonly<Record<string, string>>;
  /** The host's environment, from which allow-lists take (spec/runner.md §3). */
  readonly hostEnv: Readonly<Record<string, string | undefined>>;
  /** How to run the scripted agent: this same program. */
  readonly scripted: { readonly command: string; readonly args: readonly string[] };
  /** How to run the starter of git processes: this same program. Without it the runner starts them. */
  readonly starter?: { readonly command: string; readonly args: readonly string[] };
  /**
   * How to run the shims of git, gh and glab and git's credential helper: this same program. Without
   * it no credential of the town is used, and git is as its host has configured it.
   */
  readonly shim?: { readonly command: string; readonly args: readonly string[] };
  /** Other places of a runtime's program, by runtime id. */
  readonly runtimeOverrides?: Readonly<Record<string, RuntimeOverride>>;
  /** Time between heartbeats in milliseconds; 30 000 by default. */
  readonly heartbeatMs?: number;
  /** Silence of a turn without a running tool, in milliseconds, after which it is cancelled; 120 000. */
  readonly quietMs?: number;
  /** How long a cancelled turn may take to end before its process is killed, in milliseconds; 10 000. */
  readonly cancelMs?: number;
  /** How long an agent may take to answer `initialize`, in milliseconds; 60 000. */
  readonly initializeMs?: number;
  /** How long it may take from there until its tools are listed, in milliseconds; 60 000. */
  readonly toolsMs?: number;
  /** Length of a "minute" of the launch settings, in milliseconds; 60 000. */
  readonly minuteMs?: number;
  /** How long SIGTERM waits for running turns, in milliseconds; 300 000. */
  readonly drainWaitMs?: number;
  /** How long ending and saving what was still running may take then, in milliseconds; 60 000. */
  readonly stragglerMs?: number;
  /** What saving has left once agents had to be killed, in milliseconds; 8 000. */
  readonly lastMs?: number;
  /**
   * How often the work of a session that goes on is saved, in milliseconds: where the disk does not
   * outlive the runner. Left out: at its end only.
   */
  readonly checkpointMs?: number;
  /** One-shot timers of this instance; those of the process where it is left out. */
  readonly setTimer?: SetTimer;
  readonly log: Log;
}

/** Calls `fn` once after `ms` and keeps no process alive; what it returns takes that back. */
export type SetTimer = (ms: number, fn: () => void) => () => void;

export const systemTimer: SetTimer = (ms, fn) => {
  const timer = setTimeout(fn, ms).unref();
  return () => clearTimeout(timer);
};

/** Every time of the runner in milliseconds, defaults filled in. */
export interface Timing {
  readonly heartbeatMs: number;
  readonly quietMs: number;
  readonly cancelMs: number;
  readonly initializeMs: number;
  readonly toolsMs: number;
  readonly minuteMs: number;
  readonly drainWaitMs: number;
  readonly stragglerMs: number;
  readonly lastMs: number;
}

export function timingOf(options: Partial<Timing>): Timing {
  return {
    heartbeatMs: options.heartbeatMs ?? 30_000,
    quietMs: options.quietMs ?? 120_000,
    cancelMs: options.cancelMs ?? 10_000,
    initializeMs: options.initializeMs ?? 60_000,
    toolsMs: options.toolsMs ?? 60_000,
    minuteMs: options.minuteMs ?? 60_000,
    drainWaitMs: options.drainWaitMs ?? 300_000,
    stragglerMs: options.stragglerMs ?? 60_000,
    lastMs: options.lastMs ?? 8_000,
  };
}
