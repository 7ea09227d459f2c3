import type { ExportHeader } from "@gastown/town";
import type { TownActor } from "./actor.ts";

/** What is known of a town without waking it. */
export interface TownEntry {
  id: string;
  name: string;
  /** ISO-8601. */
  createdAt: string;
}

/** The host's towns: it opens, keeps and closes them. */
export interface TownDirectory {
  list(): TownEntry[];
  /** Makes the town's storage and opens it. */
  create(name: string): Promise<TownActor>;
  /** The open town, opened where it was closed; undefined where there is none of this id. */
  get(townId: string): Promise<TownActor | undefined>;
  /**
   * Ends the town's runner and forgets the town: its storage and work directory first, its record last,
   * so that a failure can be repeated. Nothing of it can come back.
   */
  remove(townId: string): Promise<void>;
  /** The town as it is at one moment, as lines of JSON; `done` lets go of it. */
  exported(townId: string): Promise<{ lines: Iterator<string>; done: () => void }>;
  /**
   * Makes a town of an export, whole or not at all. An empty town makes room for it: one of its id, and the
   * one of the id `into`. Throws as `importTown` does, and `already_exists` where either is not empty.
   */
  imported(
    lines: AsyncIterable<readonly string[]>,
    into?: string,
  ): Promise<{ town: TownActor; header: ExportHeader }>;
}
