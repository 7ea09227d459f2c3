/** Writing one log within its bounds: its beginning and its end are kept, what is between them is not. */
import { closeSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { StringDecoder } from "node:string_decoder";
import { MAX_LOG } from "@gastown/protocol";
import { Output } from "../git/child.ts";

/** Of a log that is too long, in bytes. */
const END_BYTES = 1_048_576;
const BEGINNING_BYTES = MAX_LOG - END_BYTES - 4_096;
/** A line that is longer is cut into pieces, and a secret over a cut is not found. */
const LINE_BYTES = 65_536;

/**
 * Its file has another name until the log is whole, so that a killed runner leaves nothing that looks
 * like one. A disk that refuses costs the log, never what it is about.
 */
export class LogWriter {
  readonly id: string;
  readonly #path: string;
  readonly #clean: (text: string) => string;
  readonly #decoder = new StringDecoder("utf8");
  readonly #end = new Output({ keep: "tail", bytes: END_BYTES });
  #file: number | null;
  readonly #onOver: () => void;
  #line = "";
  #written = 0;
  #held = 0;
  #grown = Promise.withResolvers<void>();

  /**
   * @param path without its ending; @param clean takes secrets out of whole lines
   * @param onOver nothing is written any more
   */
  constructor(id: string, path: string, clean: (text: string) => string, onOver: () => void) {
    this.id = id;
    this.#path = path;
    this.#clean = clean;
    this.#onOver = onOver;
    this.#file = this.#try(() => openSync(`${path}${UNFINISHED}`, "wx", 0o600));
  }

  /** Resolves when there is more in its file, or nothing will be added. */
  get grown(): Promise<void> {
    return this.#grown.promise;
  }

  write(chunk: Buffer): void {
    const text = this.#line + this.#decoder.write(chunk);
    const cut = text.length > LINE_BYTES ? text.length : text.lastIndexOf("\n") + 1;
    this.#line = text.slice(cut);
    this.#add(text.slice(0, cut));
  }

  /** Its id once it can be read; null: it could not be kept. */
  end(): string | null {
    this.#add(this.#line + this.#decoder.end());
    const left = this.#held - Math.min(this.#held, END_BYTES);
    if (left > 0) this.#put(Buffer.from(`\n(${left} bytes are left out here)\n`));
    if (this.#held > 0) this.#put(Buffer.from(this.#end.text()));
    const file = this.#file;
    // What comes late has no place any more: its number may be another file's by then.
    this.#file = null;
    const id =
      file === null
        ? null
        : this.#try(() => {
            closeSync(file);
            renameSync(`${this.#path}${UNFINISHED}`, `${this.#path}${FINISHED}`);
            return this.id;
          });
    this.#over();
    return id;
  }

  /** Nobody will ask for it. */
  drop(): void {
    const file = this.#file;
    this.#file = null;
    if (file !== null) this.#try(() => closeSync(file));
    this.#try(() => rmSync(`${this.#path}${UNFINISHED}`, { force: true }));
    this.#over();
  }

  #over(): void {
    this.#onOver();
    this.#tell();
  }

  /** Whoever waits looks again, and waits for what comes then. */
  #tell(): void {
    this.#grown.resolve();
    this.#grown = Promise.withResolvers<void>();
  }

  #add(text: string): void {
    if (text === "" || this.#file === null) return;
    const bytes = Buffer.from(this.#clean(text));
    const room = Math.max(0, BEGINNING_BYTES - this.#written);
    if (room > 0) this.#put(bytes.subarray(0, room));
    if (bytes.length <= room) return;
    this.#end.add(bytes.subarray(room));
    this.#held += bytes.length - room;
  }

  #put(bytes: Buffer): void {
    const file = this.#file;
    if (file === null) return;
    const put = this.#try(() => writeSync(file, bytes));
    if (put === null) return this.drop();
    this.#written += bytes.length;
    this.#tell();
  }

  #try<T>(work: () => T): T | null {
    try {
      return work();
    } catch {
      return null;
    }
  }
}

/** Endings of the two names of a log's file. */
export const UNFINISHED = ".part";
export const FINISHED = ".log";
