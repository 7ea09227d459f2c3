import { mkdirSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { GastownError } from "@gastown/protocol";
import { openTown, type ExportHeader, type NewTown, type Town } from "@gastown/town";
import {
  openTownActor,
  type ClockPorts,
  type EventSink,
  type FollowLog,
  type PerformEffect,
  type TownActor,
  type TownDirectory,
  type TownEntry,
} from "@gastown/server";
import { nodeSql, sqlOptions } from "../storage/node-sql.ts";
import { storageError } from "../storage/storage-error.ts";
import { withTownFile } from "../storage/town-file.ts";
import type { DataDir } from "./data-dir.ts";
import { flushed, type HostDatabase, type TownRow } from "./host-database.ts";
import { TownCopies } from "./town-copies.ts";
import { TOLERATED_STEP_MS, WakeClock } from "./wake-clock.ts";
import { WakeMarks } from "./wake-marks.ts";

/** A town that nobody used for so long is closed; opening it again takes under a millisecond. */
const QUIET_MS = 60_000;
/** Open databases at once; beyond it the one that was not used for longest goes first. */
const MOST_OPEN = 128;
/** Towns that want to run within this time after a start may have work in flight: wake them now. */
const IN_FLIGHT_MS = 15 * 60_000;

export interface TownsOptions extends ClockPorts {
  readonly dir: DataDir;
  readonly database: HostDatabase;
  readonly sink: EventSink;
  readonly perform: PerformEffect;
  /** Left out: logs are read in pages only. */
  readonly followLog?: FollowLog;
  readonly fallbackRuntime: string;
  readonly version: string;
  /** Milliseconds of a clock that nobody sets. */
  monotonic(): number;
  randomBytes(count: number): Uint8Array;
  newTownId(): string;
  /** Before a town opens for the first time in this process: finds its living runner. */
  beforeFirstOpen(townId: string): Promise<void>;
  /** After a town of an earlier process was opened for the first time in this one. */
  tidy?(actor: TownActor): Promise<void>;
  /** Whether a runner of that town is known to live. */
  hasRunner(townId: string): boolean;
  /** Ends its runner for good; its last reports still reach the town. */
  retireRunner(townId: string): Promise<void>;
}

interface OpenTown {
  readonly actor: TownActor;
  readonly db: DatabaseSync;
  /** On the clock that nobody sets, in ms. */
  usedAt: number;
}

/** The Node host's towns: one SQLite file each, opened when wanted, closed when quiet. */
export class Towns implements TownDirectory {
  readonly #options: TownsOptions;
  readonly #clock: WakeClock;
  readonly #marks: WakeMarks;
  readonly #copies: TownCopies;
  readonly #open = new Map<string, OpenTown>();
  /** Opening or closing, by town: the next one waits for it. */
  readonly #changing = new Map<string, Promise<unknown>>();
  readonly #seen = new Set<string>();
  /** Between its end and the end of its record: nobody opens it any more. */
  readonly #removing = new Set<string>();
  #closed = false;

  constructor(options: TownsOptions) {
    this.#options = options;
    this.#clock = new WakeClock({ ...options, wake: (id) => this.#wake(id) });
    const { database, now } = options;
    this.#copies = new TownCopies(options);
    this.#marks = new WakeMarks({ database, now, wakeAt: (id, at) => this.#clock.set(rest.id(id), at) });
  }

  /** Takes the stored wakes up. What may have been in flight when an earlier host ended runs now. */
  start(): void {
    this.#copies.tidyUp();
    const now = this.#options.now();
    for (const { town, at, storedAt } of this.#options.database.wakes()) {
      // The clock was set back while no host ran: the time was meant as so long after it was stored.
      const ahead = storedAt - now > TOLERATED_STEP_MS ? storedAt - now : 0;
      const wanted = at - ahead;
      this.#clock.set(town, wanted < now + IN_FLIGHT_MS ? now : wanted);
    }
  }

  list(): TownEntry[] {
    return this.#options.database.towns().map(entry);
  }

  async create(name: string): Promise<TownActor> {
    const options = this.#options;
    const id = options.newTownId();
    try {
      // The record comes last: a crash before it leaves a file that no town has, never half a town.
      const actor = await this.#opened(id, { id, name });
      options.database.addTown({ id, name, createdAt: options.now() });
      return actor;
    } catch (error) {
      await this.#close(id);
      rmSync(this.#options.dir.town(id), { force: true });
      throw error;
    }
  }

  async get(townId: string): Promise<TownActor | undefined> {
    const open = this.#open.get(townId);
    if (open !== undefined) {
      open.usedAt = this.#options.monotonic();
      return open.actor;
    }
    if (this.#closed || this.#removing.has(townId) || this.#options.database.town(townId) === undefined)
      return undefined;
    return this.#opened(townId);
  }

  exported(townId: string): Promise<{ lines: Iterator<string>; done: () => void }> {
    return this.#copies.exported(townId);
  }

  /** An empty town (of this id, or the one that it is imported into) makes room for it, in the same step. */
  async imported(
    lines: AsyncIterable<readonly string[]>,
    into?: string,
  ): Promise<{ town: TownActor; header: ExportHeader }> {
    const { database } = this.#options;
    const inTheWay = ({ town: { id } }: ExportHeader): TownRow[] =>
      [...new Set([id, into ?? id])].flatMap((one) => database.town(one) ?? []);
    const header = await this.#copies.imported(lines, {
      admit: async (first) => {
        for (const known of inTheWay(first))
          if ((await this.get(known.id))?.read((open) => open.empty()) === false) throw notEmpty(known);
      },
      put: (whole) =>
        this.#withoutEmpty(inTheWay(whole.header), () => {
          this.#copies.place(whole);
          if (into !== undefined && into !== whole.header.town.id) this.#forget(into);
        }),
    });
    return { town: await this.#opened(header.town.id), header };
  }

  /** Nobody opens them meanwhile, so that nothing can come into them. Throws where something did before. */
  #withoutEmpty([first, ...more]: readonly TownRow[], then: () => void): Promise<void> {
    if (first === undefined) return Promise.resolve(then());
    return this.#without(first.id, () => {
      if (!withTownFile(this.#options.dir.town(first.id), (town) => town.empty())) throw notEmpty(first);
      return this.#withoutEmpty(more, then);
    });
  }

  remove(townId: string): Promise<void> {
    return this.#without(townId, () => this.#forget(townId));
  }

  /** The record goes last: after a crash in between the town is still listed, and is deleted again. */
  #forget(townId: string): void {
    const { dir, database } = this.#options;
    const file = dir.town(townId);
    for (const path of [file, `${file}-wal`, `${file}-shm`]) rmSync(path, { force: true });
    rmSync(dir.runner(townId), { recursive: true, force: true, maxRetries: 5 });
    database.removeTown(townId);
  }

  /** Ends what runs of a town and closes it; nobody opens it before `then` is over. */
  async #without(townId: string, then: () => void | Promise<void>): Promise<void> {
    await this.#options.retireRunner(townId);
    this.#removing.add(townId);
    try {
      await this.#changing.get(townId);
      await this.#close(townId);
      for (const id of [townId, quiet.id(townId), rest.id(townId)]) this.#clock.set(id, null);
      await then();
      this.#seen.delete(townId);
    } finally {
      this.#removing.delete(townId);
      // Whatever came of it: what is there now wants to be looked at.
      if (this.#options.database.town(townId) !== undefined) this.#clock.set(townId, this.#options.now());
    }
  }

  /** Those that are open now, for the host's own end. */
  openTowns(): TownActor[] {
    return [...this.#open.values()].map((open) => open.actor);
  }

  /** Takes no more work, lets running effects end, closes every database. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#clock.close();
    await Promise.all([...this.#open.keys()].map((id) => this.#close(id)));
  }

  async #opened(id: string, create?: NewTown): Promise<TownActor> {
    for (;;) {
      const open = this.#open.get(id);
      if (open !== undefined) return open.actor;
      const changing = this.#changing.get(id);
      if (changing === undefined) break;
      await changing;
    }
    const opening = this.#openNow(id, create);
    return this.#change(id, opening);
  }

  async #change<T>(id: string, work: Promise<T>): Promise<T> {
    // Whoever waits for it wants to know when it is over, not how it went.
    this.#changing.set(id, Promise.allSettled([work]));
    try {
      return await work;
    } finally {
      this.#changing.delete(id);
    }
  }

  async #openNow(id: string, create: NewTown | undefined): Promise<TownActor> {
    const first = !this.#seen.has(id);
    if (first && create === undefined) await this.#options.beforeFirstOpen(id);
    await this.#makeRoom();
    const path = this.#options.dir.town(id);
    let db: DatabaseSync | undefined;
    try {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      db = new DatabaseSync(path, sqlOptions);
      db.exec("pragma journal_mode = wal");
      db.exec("pragma synchronous = normal");
      const town = this.#openTown(db, create);
      if (first) this.#begin(town);
      const actor = this.#actor(id, db, town);
      this.#open.set(id, { actor, db, usedAt: this.#options.monotonic() });
      if (first && create === undefined) await this.#tidied(actor);
      return actor;
    } catch (error) {
      db?.close();
      throw storageError(error);
    }
  }

  /** What fails here keeps nobody from the town; the next process tries it again. */
  async #tidied(actor: TownActor): Promise<void> {
    try {
      await this.#options.tidy?.(actor);
    } catch (error) {
      this.#options.sink.log("warn", `A town could not be tidied: ${reasonOf(error)}`, { townId: actor.id });
    }
  }

  #openTown(db: DatabaseSync, create: NewTown | undefined): Town {
    const options = this.#options;
    const ports = {
      sql: nodeSql(db),
      now: () => options.now(),
      random: () => options.randomBytes(16),
      fallbackRuntime: options.fallbackRuntime,
    };
    return openTown(ports, create);
  }

  /** The first time in this process: takes up what an earlier host had in flight. */
  #begin(town: Town): void {
    town.hostStarted();
    const epoch = town.runnerEpoch();
    if (epoch > 0 && !this.#options.hasRunner(town.id))
      town.post({ type: "runner_lost", epoch, reason: "No runner was alive when the host started." });
    this.#seen.add(town.id);
  }

  #actor(id: string, db: DatabaseSync, town: Town): TownActor {
    const options = this.#options;
    return openTownActor({
      ...options,
      town,
      durably: (fn) => flushed(db, fn),
      onBeforeWrite: () => this.#marks.beforeWrite(id),
      onNextWake: (at) => {
        this.#marks.ticked(id, at);
        this.#clock.set(id, at);
        this.#clock.set(quiet.id(id), options.now() + QUIET_MS);
      },
    });
  }

  #wake(id: string): void {
    if (quiet.is(id)) return this.#closeIfQuiet(quiet.townOf(id));
    if (rest.is(id)) return this.#rested(rest.townOf(id));
    const open = this.#open.get(id);
    if (open !== undefined) return open.actor.wake();
    return void this.#wakeClosed(id);
  }

  /** Not stored (a full disk, of which the town's own ticks tell): the mark stays, and is looked at again. */
  #rested(id: string): void {
    try {
      this.#marks.rested(id);
    } catch (error) {
      this.#options.sink.log("debug", `The wake of a town could not be stored: ${reasonOf(error)}`, {
        townId: id,
      });
      this.#clock.set(rest.id(id), this.#options.now() + QUIET_MS);
    }
  }

  async #wakeClosed(id: string): Promise<void> {
    try {
      const actor = await this.get(id);
      actor?.wake();
    } catch (error) {
      this.#options.sink.log("error", `A town could not be opened: ${reasonOf(error)}`, {
        townId: id,
        error,
      });
      // A disk that is full now may not be in a minute.
      this.#clock.set(id, this.#options.now() + QUIET_MS);
    }
  }

  #closeIfQuiet(id: string): void {
    const open = this.#open.get(id);
    if (open === undefined) return;
    const left = open.usedAt + QUIET_MS - this.#options.monotonic();
    if (open.actor.idle() && left <= 0) void this.#close(id);
    else if (open.actor.idle()) this.#clock.set(quiet.id(id), this.#options.now() + left);
    // Otherwise somebody uses it, and the tick that follows sets this anew.
  }

  async #makeRoom(): Promise<void> {
    if (this.#open.size < MOST_OPEN) return;
    const oldest = [...this.#open]
      .filter(([, open]) => open.actor.idle())
      .toSorted(([, a], [, b]) => a.usedAt - b.usedAt)[0];
    if (oldest !== undefined) await this.#close(oldest[0]);
  }

  async #close(id: string): Promise<void> {
    const open = this.#open.get(id);
    if (open === undefined) return;
    this.#open.delete(id);
    this.#clock.set(quiet.id(id), null);
    const closing = open.actor.close().finally(() => {
      open.db.close();
      this.#marks.rested(id);
    });
    await this.#change(id, closing).catch((error: unknown) => {
      this.#options.sink.log("error", "A town did not close well.", { townId: id, error });
    });
  }
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : "unknown error");

function entry(row: TownRow): TownEntry {
  return { id: row.id, name: row.name, createdAt: new Date(row.createdAt).toISOString() };
}

function notEmpty({ id, name }: TownRow): GastownError {
  return new GastownError(
    "already_exists",
    `${name} is there already and is not empty. Delete it first (gastown town delete ${name}), or import on another server or data directory.`,
    { existing: id },
  );
}

/** Times of a town other than its own wake, on the same clock. */
function otherTime(prefix: string) {
  return {
    id: (townId: string): string => prefix + townId,
    is: (id: string): boolean => id.startsWith(prefix),
    townOf: (id: string): string => id.slice(prefix.length),
  };
}
const quiet = otherTime("quiet:");
const rest = otherTime("rest:");
