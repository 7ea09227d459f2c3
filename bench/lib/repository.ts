import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const FOLDERS = 20;
const FILES = 10;
const LINE = "A line of a file that nobody changes in this benchmark.\n";

/** Nobody's own settings, and one author for everything. */
export const GIT_ENV: Readonly<Record<string, string>> = {
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_TERMINAL_PROMPT: "0",
  GIT_AUTHOR_NAME: "Bench",
  GIT_AUTHOR_EMAIL: "bench@gastown.invalid",
  GIT_COMMITTER_NAME: "Bench",
  GIT_COMMITTER_EMAIL: "bench@gastown.invalid",
};

export function git(cwd: string, ...args: string[]): string {
  return execFileSync("git", args, { cwd, env: { ...process.env, ...GIT_ENV }, encoding: "utf8" }).trim();
}

/** A bare repository with one commit of 200 small files on `main`; its path. */
export function makeRepository(folder: string, name: string): string {
  const seed = join(folder, `${name}-seed`);
  const remote = join(folder, `${name}.git`);
  for (let i = 0; i < FOLDERS * FILES; i += 1) {
    const inside = join(seed, `folder-${i % FOLDERS}`);
    mkdirSync(inside, { recursive: true });
    writeFileSync(join(inside, `file-${i}.txt`), LINE.repeat(30));
  }
  git(folder, "init", "--quiet", "--initial-branch=main", seed);
  git(seed, "add", "--all");
  git(seed, "commit", "--quiet", "--message=Begin");
  git(folder, "clone", "--quiet", "--bare", seed, remote);
  rmSync(seed, { recursive: true });
  return remote;
}
