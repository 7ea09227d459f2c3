/**
 * The complete logs of gates, setup commands and agents' stderr, on the runner's disk (spec/runner.md §1). The
 * town keeps their names, and the end of a gate's: one that was pruned, or whose disk is gone, is no loss of
 * state.
 */
import { createReadStream, mkdirSync, readdirSync, rmSync } from "node:fs";
import { open, readdir, rm, stat, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { idSchema } from "@gastown/protocol";
import { newId } from "../ulid.ts";
import { abortable } from "../wait.ts";
import { FINISHED, LogWriter, UNFINISHED } from "./log-writer.ts";

export interface LogLimits {
  /** Of all logs together. */
  readonly bytes: number;
  readonly files: number;
}

const LIMITS: LogLimits = { bytes: 256 * 1_048_576, files: 2_000 };

const logId = idSchema("log");
const PIECE_BYTES = 65_536;

/** One log as it is now. */
export interface FoundLog {
  /** Bytes; null: nobody knows yet. */
  readonly size: number | null;
  readonly text: ReadableStream<Uint8Array>;
  /** Whether more may be added to it. */
  readonly live: boolean;
}

export class LogStore {
  readonly #dir: string;
  readonly #limits: LogLimits;
  /** Those that are being written. */
  readonly #live = new Map<string, LogWriter>();

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
    const writer = new LogWriter(id, join(this.#dir, id), clean, () => this.#live.delete(id));
    this.#live.set(id, writer);
    return writer;
  }

  /** The log as far as it is written, streamed; null: it is not here. */
  async open(id: string): Promise<FoundLog | null> {
    const live = this.#live.has(id);
    const path = this.#pathOf(id, live);
    const found = path === null ? null : await stat(path).catch(() => null);
    if (path === null || found === null) return null;
    const end = found.size - 1;
    if (end < 0) return { size: 0, text: new Blob([]).stream(), live };
    // Pruned meanwhile or not: the file that was opened is read to its end.
    const text = Readable.toWeb(createReadStream(path, { end })) as ReadableStream<Uint8Array>;
    return { size: found.size, text, live };
  }

  /** The same, and what is added to it, until nothing is any more or the reader goes. */
  async follow(id: string, signal: AbortSignal): Promise<FoundLog | null> {
    const writer = this.#live.get(id);
    const path = this.#pathOf(id, writer !== undefined);
    const file = path === null ? null : await open(path).catch(() => null);
    if (file === null) return null;
    const pieces = Readable.from(this.#pieces(file, writer, signal));
    return { size: null, text: Readable.toWeb(pieces), live: writer !== undefined };
  }

  /** A file that is renamed or removed meanwhile is the one that was opened. */
  async *#pieces(
    file: FileHandle,
    writer: LogWriter | undefined,
    signal: AbortSignal,
  ): AsyncGenerator<Buffer, void, void> {
    try {
      while (!signal.aborted) {
        // Before reading: what is added after the last piece was read wakes us.
        const more = writer !== undefined && this.#live.has(writer.id) ? writer.grown : null;
        for (;;) {
          const { bytesRead, buffer } = await file.read(Buffer.alloc(PIECE_BYTES), 0, PIECE_BYTES, null);
          if (bytesRead === 0) break;
          yield buffer.subarray(0, bytesRead);
        }
        if (more === null) return;
        await abortable(more, signal).catch(() => undefined);
      }
    } finally {
      await file.close();
    }
  }

  #pathOf(id: string, live: boolean): string | null {
    return logId.safeParse(id).success ? join(this.#dir, `${id}${live ? UNFINISHED : FINISHED}`) : null;
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
