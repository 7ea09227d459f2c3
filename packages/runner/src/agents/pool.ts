/**
 * Agent processes by launch spec (spec/runner.md §3). Equal specs share processes, up to a number
 * of sessions each; a process that nobody wants ends after a while. Prewarming is asking for it.
 */
import type { Log } from "../options.ts";
import type { LogStore } from "../logs/log-store.ts";
import { directoryMarker } from "../processes/reap.ts";
import { AgentProcess } from "./agent-process.ts";
import { specKey } from "./launch-spec.ts";
import type { LaunchSpec } from "./launch-spec.ts";
import type { Redactor } from "./redact.ts";

export interface PoolOptions {
  readonly root: string;
  readonly instanceId: string;
  readonly redactor: Redactor;
  readonly log: Log;
  readonly logs: LogStore | null;
}

export interface Limits {
  readonly sessionsPerProcess: number;
  /** How long an unwanted process lives on, in milliseconds. */
  readonly idleMs: number;
}

export interface Lease {
  readonly process: AgentProcess;
  /** Key of the process's spec. */
  readonly key: string;
  /** Gives the place back; again is harmless. */
  release(): void;
  /** The same, for one that goes to another process: where nobody else is left, this one ends at once. */
  abandon(): void;
  /** Nobody else is given this process any more; it ends when its last session has left. */
  retire(): void;
  /** Retires it, and asks its sessions to leave. */
  recycle(): void;
  /** Its sessions should be in another process. */
  readonly isRecycled: boolean;
}

interface Entry {
  readonly key: string;
  readonly process: AgentProcess;
  sessions: number;
  /** Takes no further session. */
  retired: boolean;
  recycled: boolean;
  /** Ends it when nobody wants it. */
  unwanted: NodeJS.Timeout | null;
}

export class Pool {
  readonly #options: PoolOptions;
  readonly #entries = new Set<Entry>();
  #started = 0;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** A place in a process of exactly this spec: one that runs, else a new one. */
  acquire(spec: LaunchSpec, limits: Limits): Lease {
    const key = specKey(spec);
    const running = [...this.#entries].find((entry) => {
      const free = entry.process.alive && !entry.retired && entry.sessions < limits.sessionsPerProcess;
      return free && entry.key === key;
    });
    const entry = running ?? this.#start(key, spec);
    entry.sessions += 1;
    if (entry.unwanted !== null) clearTimeout(entry.unwanted);
    entry.unwanted = null;
    let released = false;
    const leave = (idleMs: number): void => {
      if (released) return;
      released = true;
      entry.sessions -= 1;
      this.#leave(entry, idleMs);
    };
    return {
      process: entry.process,
      key,
      release: () => leave(limits.idleMs),
      abandon: () => leave(0),
      retire: () => {
        entry.retired = true;
      },
      recycle: () => {
        entry.retired = true;
        entry.recycled = true;
      },
      get isRecycled() {
        return entry.recycled;
      },
    };
  }

  /** Ends every process in the polite order. */
  async stop(): Promise<void> {
    const entries = [...this.#entries];
    for (const { unwanted } of entries) if (unwanted !== null) clearTimeout(unwanted);
    await Promise.all(entries.map(({ process }) => process.stop()));
  }

  /** Ends every process at once. */
  kill(): void {
    for (const { process } of this.#entries) process.kill("stopped");
  }

  #start(key: string, spec: LaunchSpec): Entry {
    this.#started += 1;
    const { root, instanceId, redactor, log, logs } = this.#options;
    redactor.addEnv(spec.env);
    const marker = `${directoryMarker(root)}.${instanceId}.${this.#started}`;
    const process = new AgentProcess({ spec, root, marker, redactor, log, logs });
    const entry: Entry = { key, process, sessions: 0, retired: false, recycled: false, unwanted: null };
    this.#entries.add(entry);
    log("agent.process_started", { pid: process.pid, runtime: spec.runtime });
    void process.dead.then(() => this.#entries.delete(entry));
    return entry;
  }

  #leave(entry: Entry, idleMs: number): void {
    if (entry.sessions > 0 || !this.#entries.has(entry)) return;
    if (entry.retired) return void entry.process.stop();
    entry.unwanted = setTimeout(() => void entry.process.stop(), idleMs);
    entry.unwanted.unref();
    return undefined;
  }
}
