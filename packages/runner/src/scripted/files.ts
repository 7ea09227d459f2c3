import { existsSync, mkdirSync, watch } from "node:fs";
import { appendFile, mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";

export async function write(cwd: string, path: string, content: string): Promise<void> {
  const file = resolve(cwd, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, content);
}

export async function append(cwd: string, path: string, content: string): Promise<void> {
  const file = resolve(cwd, path);
  await mkdir(dirname(file), { recursive: true });
  await appendFile(file, content);
}

export async function remove(cwd: string, path: string): Promise<void> {
  await rm(resolve(cwd, path), { recursive: true, force: true });
}

/** Resolves when the file exists, or when `signal` aborts. Watches, so nothing is polled. */
export function fileExists(cwd: string, path: string, signal: AbortSignal): Promise<void> {
  const file = resolve(cwd, path);
  const dir = dirname(file);
  mkdirSync(dir, { recursive: true });
  return new Promise((done) => {
    const watcher = watch(dir, () => {
      if (existsSync(file)) finish();
    });
    const finish = (): void => {
      watcher.close();
      signal.removeEventListener("abort", finish);
      done();
    };
    signal.addEventListener("abort", finish);
    // It may have come between the question and the watch.
    if (existsSync(file) || signal.aborted) finish();
  });
}
