/** What SQLite's own failures mean for people: what happened, and what to do (spec/api.md §1.3). */
// cspell:ignore errcode
import { GastownError } from "@gastown/protocol";

/** SQLite's primary result codes; an extended one has more above its lowest byte. */
const READONLY = 8;
const FAILED = 10;
const CORRUPT = 11;
const FULL = 13;
const NOT_OPENED = 14;
const NO_DATABASE = 26;

const MEANINGS: Readonly<Record<number, () => GastownError>> = {
  [FULL]: () => busy("The disk is full", "Free some space"),
  [FAILED]: () => busy("The disk could not be read or written", "See whether it is full or failing"),
  [READONLY]: () => busy("The data directory cannot be written to", "Make it writable"),
  [NOT_OPENED]: () =>
    busy("A file of the data directory cannot be opened", "See to its rights, and to open files"),
  [CORRUPT]: damaged,
  [NO_DATABASE]: damaged,
};

const busy = (what: string, action: string): GastownError =>
  new GastownError("storage_busy", `${what}, so nothing was changed. ${action}; it goes on by itself then.`);

function damaged(): GastownError {
  return new GastownError(
    "not_ready",
    "The town's file is damaged. `gastown doctor` says where; put a backup in its place with `gastown restore --replace`.",
  );
}

/** What Node's own file calls say of the same failures. */
const OF_FILES: Readonly<Record<string, number>> = {
  ENOSPC: FULL,
  EDQUOT: FULL,
  EIO: FAILED,
  EACCES: READONLY,
  EPERM: READONLY,
  EROFS: READONLY,
  EMFILE: NOT_OPENED,
  ENFILE: NOT_OPENED,
};

/** SQLite's primary result code, or the one that means the same; undefined where it is neither's failure. */
export function resultCode(error: unknown): number | undefined {
  if (!(error instanceof Error)) return undefined;
  if ("errcode" in error && typeof error.errcode === "number") return error.errcode & 0xff;
  return "code" in error && typeof error.code === "string" ? OF_FILES[error.code] : undefined;
}

/** Whether a database's file is not what SQLite wrote, or not a database at all. */
export function isDamaged(error: unknown): boolean {
  const code = resultCode(error);
  return code === CORRUPT || code === NO_DATABASE;
}

/** The same failure as something to tell; anything that is not the storage's fault is left as it is. */
export function storageError(error: unknown): unknown {
  const meaning = MEANINGS[resultCode(error) ?? 0]?.();
  if (meaning === undefined) return error;
  meaning.cause = error;
  return meaning;
}
