import { accessSync, chmodSync, constants, existsSync, mkdirSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { GastownError } from "@gastown/protocol";
import { resultCode } from "../storage/storage-error.ts";

/** The places in a host's data directory. Everything in it is readable by its owner only. */
export interface DataDir {
  readonly root: string;
  readonly settings: string;
  readonly database: string;
  readonly localToken: string;
  readonly keys: string;
  /** Where the running host says how to reach it (`host-record.ts`). */
  readonly record: string;
  readonly log: string;
  town(townId: string): string;
  /** The work directory of a town's runner. */
  runner(townId: string): string;
}

/** Which directory: flag, else `GASTOWN_DATA_DIR`, else `~/.gastown` (spec/api.md §1.10). */
export function dataDirPath(flag: string | undefined, env: NodeJS.ProcessEnv): string {
  return resolve(flag ?? (env["GASTOWN_DATA_DIR"] || join(homedir(), ".gastown")));
}

export function dataDir(root: string): DataDir {
  return {
    root,
    settings: join(root, "server.json"),
    database: join(root, "host.sqlite"),
    localToken: join(root, "local-token"),
    keys: join(root, "keys.json"),
    record: join(root, "host.json"),
    log: join(root, "host.log"),
    town: (townId) => join(root, "towns", `${townId}.sqlite`),
    runner: (townId) => join(root, "runners", townId),
  };
}

/**
 * Makes the directory (mode 0700) and what is below it, and takes rights of others away.
 * Throws `forbidden` with what to do when that is not possible; then nothing was made.
 */
export function prepareDataDir(root: string): DataDir {
  const dir = dataDir(root);
  try {
    makeFolder(root);
    // An existing directory keeps its mode through mkdir.
    if ((statSync(root).mode & 0o077) !== 0) chmodSync(root, 0o700);
    makeFolder(join(root, "towns"));
    makeFolder(join(root, "runners"));
    // What SQLite says where it may not write is "disk I/O error", if it is the first to find out.
    for (const path of [root, join(root, "towns"), join(root, "runners")])
      accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
    if (existsSync(dir.database)) accessSync(dir.database, constants.R_OK | constants.W_OK);
  } catch (error) {
    throw unusable(root, error);
  }
  return dir;
}

/**
 * Makes a folder and those above it, mode 0700. Not by `recursive`: where nothing can be made, as
 * below /proc, Node tries that for ever.
 */
function makeFolder(path: string): void {
  if (existsSync(path) && statSync(path).isDirectory()) return;
  if (dirname(path) !== path && !existsSync(dirname(path))) makeFolder(dirname(path));
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    // Another process may have made it in this moment.
    if (errorCode(error) !== "EEXIST" || !statSync(path).isDirectory()) throw error;
  }
}

const REASONS: Record<string, string> = {
  EACCES: "this user may not write there",
  EPERM: "this user may not change it",
  EROFS: "the file system is read-only",
  ENOTDIR: "a part of the path is a file, not a directory",
  EEXIST: "there is a file in its place",
  ENOENT: "nothing can be made there",
  ENOSPC: "the disk is full",
  ENAMETOOLONG: "the path is too long",
  ELOOP: "its symbolic links go round in circles",
};

/** SQLite's primary result codes, of a file that is there. */
const SQLITE_REASONS: Record<number, string> = {
  8: "a file in it cannot be written",
  10: "the disk could not be read or written",
  13: "the disk is full",
  14: "a file in it cannot be opened",
};

/** Why the directory cannot be used, as a sentence that says what to do. */
export function unusable(root: string, error: unknown): GastownError {
  const code = errorCode(error);
  const reason = REASONS[code] ?? SQLITE_REASONS[resultCode(error) ?? 0] ?? code;
  return new GastownError(
    "forbidden",
    `The data directory ${root} cannot be used: ${reason}. Give one that this user can write: --data-dir <path> or GASTOWN_DATA_DIR.`,
    { path: root, cause: code },
  );
}

/** The `code` of an error of Node, or `unknown`. */
export function errorCode(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "unknown";
}
