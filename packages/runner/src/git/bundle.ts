/** The last resort of WIP safety (spec/runner.md §5): commits in a file of the data directory. */
import { mkdir, rename } from "node:fs/promises";
import { join } from "node:path";
import type { GitContext } from "./context.ts";
import type { Repository } from "./git.ts";
import { saveFailure } from "./push-wip.ts";
import { gitWords } from "./remote-errors.ts";

export interface BundleOptions {
  readonly at: Repository;
  readonly commit: string;
  /** The ref that the file has, and the repository too: it notes what is in a bundle. */
  readonly ref: string;
  /** Its file's name, without ending. */
  readonly file: string;
  /** Arguments that name what every clone has: it is left out. */
  readonly excluded: readonly string[];
  readonly signal: AbortSignal;
}

function folderOf(context: GitContext): string {
  return join(context.root, "bundles");
}

export function bundlePath(context: GitContext, file: string): string {
  return join(folderOf(context), `${file}.bundle`);
}

/** Writes the commit with what leads to it into a file, complete or not at all. Answers its path. */
export async function writeBundle(context: GitContext, o: BundleOptions): Promise<string> {
  await mkdir(folderOf(context), { recursive: true, mode: 0o700 });
  const path = bundlePath(context, o.file);
  for (const args of [
    ["update-ref", o.ref, o.commit],
    ["bundle", "create", "--quiet", `${path}.new`, o.ref, ...o.excluded],
  ]) {
    const done = await context.git({ at: o.at, args, signal: o.signal });
    if (!done.ok) throw saveFailure("git_failed", gitWords(done));
  }
  await rename(`${path}.new`, path);
  return path;
}
