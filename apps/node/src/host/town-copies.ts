/** Towns of this host written out and read in as JSON lines (spec/api.md §3.3, towns.export and towns.import). */
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { exportLines, importTown, openTown, type ExportHeader } from "@gastown/town";
import { nodeSql, sqlOptions } from "../storage/node-sql.ts";
import { storageError } from "../storage/storage-error.ts";
import { copyTownFile } from "../storage/town-file.ts";
import type { DataDir } from "./data-dir.ts";
import type { HostDatabase } from "./host-database.ts";

const FOLDER = "copying-";

export interface TownCopiesPorts {
  readonly dir: DataDir;
  readonly database: HostDatabase;
  readonly version: string;
  readonly fallbackRuntime: string;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

export interface WholeTown {
  /** Complete and on the disk, beside its place. */
  readonly file: string;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  readonly header: ExportHeader;
}

interface ImportSteps {
  /** As soon as the first line is read: throws where there is no place for that town. */
  readonly admit: (header: ExportHeader) => Promise<void>;
  /** Has it placed, or throws where there is no place for it any more. */
  readonly put: (whole: WholeTown) => Promise<void>;
}

export class TownCopies {
  readonly #ports: TownCopiesPorts;

  constructor(ports: TownCopiesPorts) {
    this.#ports = ports;
  }

  /** What a host that was killed in the middle of it left behind. */
  tidyUp(): void {
    const { root } = this.#ports.dir;
    for (const name of readdirSync(root).filter((one) => one.startsWith(FOLDER)))
      rmSync(join(root, name), { recursive: true, force: true });
  }

  /** From a copy, so that whoever reads slowly keeps nobody else waiting, and sees one moment. */
  async exported(townId: string): Promise<{ lines: Iterator<string>; done: () => void }> {
    const { dir, version, now } = this.#ports;
    const folder = this.#folder();
    let db: DatabaseSync | undefined;
    const done = (): void => {
      if (db?.isOpen === true) db.close();
      rmSync(folder, { recursive: true, force: true });
    };
    try {
      const copy = join(folder, "town.sqlite");
      await copyTownFile(dir.town(townId), copy);
      db = new DatabaseSync(copy, sqlOptions);
      const ports = this.#townPorts(db);
      openTown(ports);
      return { lines: exportLines(ports.sql, { program: version, now: now() }), done };
    } catch (error) {
      done();
      throw storageError(error);
    }
  }

  /** Beside its place until it is whole; only then the host knows of it. */
  async imported(
    lines: AsyncIterable<readonly string[]>,
    { admit, put }: ImportSteps,
  ): Promise<ExportHeader> {
    const folder = this.#folder();
    const file = join(folder, "town.sqlite");
    const db = new DatabaseSync(file, sqlOptions);
    try {
      // Nobody reads it before it is whole, and what is not whole is thrown away: no need to wait for a disk.
      db.exec("pragma synchronous = off");
      const ports = this.#townPorts(db);
      const importing = importTown(ports);
      let admitted = false;
      for await (const texts of lines) {
        importing.lines(texts);
        if (admitted || importing.header === undefined) continue;
        await admit(importing.header);
        admitted = true;
      }
      const header = importing.finish();
      const createdAt = Date.parse(openTown(ports).town().createdAt);
      db.close();
      await onDisk(file);
      await put({ file, createdAt, header });
      return header;
    } catch (error) {
      throw storageError(error);
    } finally {
      if (db.isOpen) db.close();
      rmSync(folder, { recursive: true, force: true });
    }
  }

  /** Puts a whole town in its place. The record comes last: before it there is a file that no town has. */
  place({ file, createdAt, header: { town } }: WholeTown): void {
    const { dir, database, now } = this.#ports;
    const place = dir.town(town.id);
    mkdirSync(dirname(place), { recursive: true, mode: 0o700 });
    for (const suffix of ["", "-wal", "-shm"]) rmSync(`${place}${suffix}`, { force: true });
    renameSync(file, place);
    database.setWake(town.id, now(), now(), true);
    database.addTown({ id: town.id, name: town.name, createdAt });
  }

  #folder(): string {
    try {
      return mkdtempSync(join(this.#ports.dir.root, FOLDER));
    } catch (error) {
      throw storageError(error);
    }
  }

  #townPorts(db: DatabaseSync) {
    const { fallbackRuntime, now } = this.#ports;
    return { sql: nodeSql(db), now, random: () => randomBytes(16), fallbackRuntime };
  }
}

/** Written back to the disk, which nobody waits for meanwhile. */
async function onDisk(path: string): Promise<void> {
  const file = await open(path, "r+");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
