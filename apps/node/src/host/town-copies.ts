/** Towns of this host written out and read in as JSON lines (spec/api.md §3.3, towns.export and towns.import). */
import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { GastownError } from "@gastown/protocol";
import { exportLines, importTown, openTown, type ExportHeader, type TownImport } from "@gastown/town";
import { nodeSql, sqlOptions } from "../storage/node-sql.ts";
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
      throw error;
    }
  }

  /** Beside its place until it is whole; only then the host knows of it. */
  async imported(lines: AsyncIterable<readonly string[]>): Promise<ExportHeader> {
    const { dir, database, now } = this.#ports;
    const folder = this.#folder();
    const file = join(folder, "town.sqlite");
    const db = new DatabaseSync(file, sqlOptions);
    try {
      // Nobody reads it before it is whole, and what is not whole is thrown away: no need to wait for a disk.
      db.exec("pragma synchronous = off");
      const ports = this.#townPorts(db);
      const importing = importTown(ports);
      for await (const texts of lines) {
        importing.lines(texts);
        this.#refuseKnown(importing);
      }
      const header = importing.finish();
      const created = openTown(ports).town().createdAt;
      db.exec("pragma synchronous = full; pragma wal_checkpoint(truncate); vacuum");
      db.close();
      this.#refuseKnown(importing);
      const place = dir.town(header.town.id);
      for (const suffix of ["", "-wal", "-shm"]) rmSync(`${place}${suffix}`, { force: true });
      renameSync(file, place);
      database.addTown({ id: header.town.id, name: header.town.name, createdAt: Date.parse(created) });
      database.setWake(header.town.id, now(), now(), true);
      return header;
    } finally {
      if (db.isOpen) db.close();
      rmSync(folder, { recursive: true, force: true });
    }
  }

  #refuseKnown({ header }: TownImport): void {
    const known = header === undefined ? undefined : this.#ports.database.town(header.town.id);
    if (known === undefined) return;
    throw new GastownError(
      "already_exists",
      `This server has that town already (${known.name}). Delete it first, or import into another server.`,
      { existing: known.id },
    );
  }

  #folder(): string {
    return mkdtempSync(join(this.#ports.dir.root, FOLDER));
  }

  #townPorts(db: DatabaseSync) {
    const { fallbackRuntime, now } = this.#ports;
    return { sql: nodeSql(db), now, random: () => randomBytes(16), fallbackRuntime };
  }
}
