/**
 * The complete logs of gates and their setup, on the runner's disk (spec/runner.md §1). The town keeps
 * the end of each and its name: one that was pruned, or whose disk is gone, is no loss of state.
 */
import { createReadStream, mkdirSync, readdirSync, rmSync } from "node:fs";
import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { idSchema } from "@gastown/protocol";
import { newId } from "../ulid.ts";
import { FINISHED, LogWriter, UNFINISHED } from "./log-writer.ts";

export interface LogLimits {
  /** Of all logs together. */
  readonly bytes: number;
  readonly files: number;
}

const LIMITS: LogLimits = { bytes: 256 * 1_048_576, files: 2_000 };

const logId = idSchema("log");

export class LogStore {
  readonly #dir: string;
  readonly #limits: LogLimits;

  /** The caller holds the lock of the work directory: what is half written belongs to nobody. */
  constructor(dir: string, limits: LogLimits = LIMITS) {
    this.#dir = dir;
    this.#limits = limits;
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(dir))
      if (name.endsWith(UNFINISHED)) rmSync(join(dir, name), { force: true });
  }

  /** @param clean takes secrets out of whole lines */
  begin(clean: (text: string) => string): LogWriter {
    const id = newId("log");
    return new LogWriter(id, join(this.#dir, id), clean);
  }

  /** The whole log, streamed; null: it is not here. */
  async open(id: string): Promise<{ size: number; text: ReadableStream<Uint8Array> } | null> {
    if (!logId.safeParse(id).success) return null;
    const path = join(this.#dir, `${id}${FINISHED}`);
    const found = await stat(path).catch(() => null);
    if (found === null) return null;
    // Pruned meanwhile or not: the file that was opened is read to its end.
    const text = Readable.toWeb(createReadStream(path)) as ReadableStream<Uint8Array>;
    return { size: found.size, text };
  }

  /** Removes the oldest logs until the others are within the limits. Never fails. */
  async prune(): Promise<void> {
    const names = await readdir(this.#dir).catch(() => []);
    let bytes = 0;
    let files = 0;
    // Ids sort by the time at which they were made.
    for (const name of names
      .filter((one) => one.endsWith(FINISHED))
      .toSorted()
      .toReversed()) {
      const path = join(this.#dir, name);
      bytes += (await stat(path).catch(() => null))?.size ?? 0;
      files += 1;
      if (bytes > this.#limits.bytes || files > this.#limits.files)
        await rm(path, { force: true }).catch(() => undefined);
    }
  }
}
