/**
 * How a program that an agent runs finds its session: one agent process serves many, so nothing in
 * its environment can say, but a directory is an identity (spec/runner.md §4).
 */
import { readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { CAPABILITY_ENV, CAPABILITY_FILE, capabilityFile, SOCKET_ENV } from "./messages.ts";
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

/** The session whose worktree holds `dir`, submodules and clones in it included. */
function sessionAt(dir: string): CapabilityFile | null {
  for (let at = resolve(dir); ; at = dirname(at)) {
    const gitDir = /^gitdir: (.+)$/m.exec(read(join(at, ".git")) ?? "")?.[1];
    const found = gitDir === undefined ? null : capabilityIn(resolve(at, gitDir));
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
