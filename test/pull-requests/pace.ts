/**
 * Time in a town of a test: it stands still for as long as anything is under way, and where everything
 * only waits (for a poll, a pause, a grace period) it goes on to the end of the first wait at once. That
 * is looked at after each change of the town's database.
 */
import { watch, type FSWatcher } from "node:fs";
import { basename, dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { z } from "zod";
import type { TownProcess } from "../faults/town-process.ts";

/** What a town waits for by the clock; looking after its runner or its people is not among it. */
const WAITS = `select min(at) as value from (
  select due_at as at from schedule where kind in ('bead', 'dispatch', 'merge', 'lane', 'convoy', 'rig')
  union all select due_at from outbox where state = 'pending'
  union all select due_at from inbox where state = 'pending')`;
const UNDER_WAY = `select (select count(*) from sessions where state <> 'ended')
  + (select count(*) from outbox where state in ('running', 'accepted')) as value`;
const EFFECTS = `select (select count(*) from sessions where state <> 'ended')
  + (select count(*) from outbox where state in ('pending', 'running', 'accepted')) as value`;
const GRACE = `select min(json_extract(waiting, '$.until')) as value from merge_requests
  where state = 'approved' and json_extract(waiting, '$.code') = 'grace'`;

/** A commit's frames are in the file, which is what is told, a moment before a reader sees them. */
const VISIBLE_MS = 100;

const number = z.object({ value: z.number().nullable() });

export class Pace {
  readonly #town: TownProcess;
  readonly #db: DatabaseSync;
  readonly #watcher: FSWatcher;
  readonly #waiting = new Set<() => void>();
  #again: NodeJS.Timeout | null = null;
  #moving = false;
  /** Grace periods end only while this is true: before that a person is faster. */
  #graceEnds = false;

  constructor(town: TownProcess) {
    this.#town = town;
    // Opened once: to open it is a change of this file, too.
    this.#db = new DatabaseSync(town.databasePath, { readOnly: true });
    const name = `${basename(town.databasePath)}-wal`;
    this.#watcher = watch(dirname(town.databasePath), (_event, file) => {
      if (file === name) this.#changed();
    });
  }

  close(): void {
    this.#watcher.close();
    if (this.#again !== null) clearTimeout(this.#again);
    this.#db.close();
  }

  /** Lets time go on while `work` lasts. */
  async during<T>(work: () => Promise<T>, { graceEnds = false } = {}): Promise<T> {
    this.#moving = true;
    this.#graceEnds = graceEnds;
    this.#look();
    try {
      return await work();
    } finally {
      this.#moving = false;
    }
  }

  /** Resolves when nothing lives and nothing is to be carried out any more. */
  settled(): Promise<void> {
    return this.during(async () => {
      while (this.#number(EFFECTS) !== 0) await this.#change();
    });
  }

  /** So much time goes by. */
  pass(ms: number): Promise<void> {
    const until = this.#town.now + ms;
    return this.during(async () => {
      while (this.#town.now < until) await this.#change();
    });
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.add(resolve);
    });
  }

  /** Rows of the town's database. */
  read<T>(row: z.ZodType<T>, sql: string): T[] {
    return z.array(row).parse(this.#db.prepare(sql).all());
  }

  /** Looked at now, and once more when the last change of several is surely seen. */
  #changed(): void {
    this.#look();
    if (this.#again !== null) clearTimeout(this.#again);
    this.#again = setTimeout(() => this.#look(), VISIBLE_MS);
  }

  #look(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
    if (!this.#moving || this.#number(UNDER_WAY) !== 0) return;
    const { now } = this.#town;
    const next = this.#number(WAITS);
    if (next === null || next <= now) return;
    const grace = this.#graceEnds ? null : this.#number(GRACE);
    if (grace === null || next < grace) this.#town.advance(Math.ceil(next - now));
  }

  #number(sql: string): number | null {
    return this.read(number, sql)[0]?.value ?? null;
  }
}
