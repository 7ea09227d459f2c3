/**
 * How a program that an agent runs finds its session: one agent process serves many, so nothing in
 * its environment can say, but a directory is an identity (spec/runner.md §4).
 */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { CAPABILITY_ENV, CAPABILITY_FILE, capabilityFile, CHECKOUTS, SOCKET_ENV } from "./messages.ts";
import type { CapabilityFile } from "./messages.ts";

function read(file: string): string | null {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return null;
  }
}

function capabilityIn(gitDir: string): CapabilityFile | null {
  const text = read(join(gitDir, CAPABILITY_FILE));
  if (text === null) return null;
  try {
    return capabilityFile.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

/** The capability of the very worktree at `dir`. */
function worktreeAt(dir: string): CapabilityFile | null {
  const gitDir = /^gitdir: (.+)$/m.exec(read(join(dir, ".git")) ?? "")?.[1];
  return gitDir === undefined ? null : capabilityIn(resolve(dir, gitDir));
}

/** One for each rig that a mayor has in its own directory; elsewhere none. */
export function checkoutsIn(dir: string): CapabilityFile[] {
  const folder = join(dir, CHECKOUTS);
  try {
    return readdirSync(folder).flatMap((name) => worktreeAt(join(folder, name)) ?? []);
  } catch {
    return [];
  }
}

/** The session whose worktree holds `dir`, submodules and clones in it included. */
function sessionAt(dir: string): CapabilityFile | null {
  for (let at = resolve(dir); ; at = dirname(at)) {
    const found = worktreeAt(at);
    if (found !== null) return found;
    if (dirname(at) === at) return null;
  }
}

/** `ancestors`: directories of the processes above, nearest first: package managers call git elsewhere. */
export function findSession(
  env: Readonly<Record<string, string | undefined>>,
  cwd: string,
  ancestors: () => Iterable<string>,
): CapabilityFile | null {
  const socket = env[SOCKET_ENV];
  const capability = env[CAPABILITY_ENV];
  if (socket !== undefined && capability !== undefined) return { socket, capability };
  const gitDir = env["GIT_DIR"];
  const here = (gitDir === undefined ? null : capabilityIn(resolve(cwd, gitDir))) ?? sessionAt(cwd);
  if (here !== null) return here;
  for (const dir of ancestors()) {
    const found = sessionAt(dir);
    if (found !== null) return found;
  }
  return null;
}
