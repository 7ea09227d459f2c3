/**
 * What the scripted agent remembers of a conversation, in the folder that `SCRIPTED_STORE` names: then
 * another process can take it up, and an id that is not there is refused, as real agents do. Without
 * that folder nothing is kept, and every id is taken for a conversation that has just begun.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isObject } from "./mcp-client.ts";

export interface Remembered {
  readonly turns: number;
  readonly model: string;
}

export class Conversations {
  readonly #dir: string | undefined;

  constructor(dir: string | undefined) {
    this.#dir = dir;
  }

  get areKept(): boolean {
    return this.#dir !== undefined;
  }

  /** Null: not known here. */
  read(id: string): Remembered | null {
    if (this.#dir === undefined) return { turns: 0, model: DEFAULT_MODEL };
    try {
      const stored: unknown = JSON.parse(readFileSync(join(this.#dir, `${id}.json`), "utf8"));
      if (!isObject(stored)) return null;
      return { turns: Number(stored["turns"]), model: String(stored["model"]) };
    } catch {
      return null;
    }
  }

  write(id: string, { turns, model }: Remembered): void {
    if (this.#dir === undefined) return;
    mkdirSync(this.#dir, { recursive: true });
    writeFileSync(join(this.#dir, `${id}.json`), JSON.stringify({ turns, model }));
  }
}

/** The choice of a conversation that was told nothing. */
export const DEFAULT_MODEL = "scripted-1";
