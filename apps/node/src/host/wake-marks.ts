import type { HostDatabase } from "./host-database.ts";

/** A busy town's commits come closer together than this, in milliseconds. */
export const REST_MS = 1_000;

export interface WakeMarksPorts {
  readonly database: Pick<HostDatabase, "setWake">;
  /** Epoch milliseconds. */
  now(): number;
  /** Asks for `rested(id)` at that time instead of at any earlier answer; null: not any more. */
  wakeAt(id: string, at: number | null): void;
}

/**
 * The stored wakes of towns (spec/town.md §4): a row reads *now* from before a town's first commit
 * until the time that its tick named is stored. Each mark waits for the disk, so a busy town is
 * marked once: its next time is stored when it has rested for a moment. A crash before that finds
 * the mark and wakes a town that may have nothing to do, which costs one tick.
 */
export class WakeMarks {
  readonly #ports: WakeMarksPorts;
  /** Marked towns, with the time that their last tick named. */
  readonly #marked = new Map<string, number | null>();

  constructor(ports: WakeMarksPorts) {
    this.#ports = ports;
  }

  /** Before a commit of the town. On the disk when this returns. */
  beforeWrite(id: string): void {
    if (this.#marked.has(id)) return;
    const now = this.#ports.now();
    this.#ports.database.setWake(id, now, now, true);
    this.#marked.set(id, now);
  }

  /** A tick has named the next time (epoch ms); null: never by itself. */
  ticked(id: string, at: number | null): void {
    this.#marked.set(id, at);
    this.#ports.wakeAt(id, this.#ports.now() + REST_MS);
  }

  /** The town rests, or is closed: the mark gives way to its next time. */
  rested(id: string): void {
    const at = this.#marked.get(id);
    if (at === undefined) return;
    this.#ports.wakeAt(id, null);
    this.#ports.database.setWake(id, at, this.#ports.now(), false);
    this.#marked.delete(id);
  }
}
