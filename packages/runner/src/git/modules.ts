/** The submodules of a worktree, by their clones in its administrative directory. */
import { readdir, stat } from "node:fs/promises";
import { join, relative } from "node:path";
import type { GitContext } from "./context.ts";
import type { Worktree } from "./worktrees.ts";

export interface Module {
  /** Its clone, and its files. */
  readonly tree: Worktree;
  /** In the worktree of the session. */
  readonly path: string;
}

export const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/** The clones below `modules`, nested ones included; a submodule's name may have slashes. */
async function clonesIn(modules: string): Promise<string[]> {
  const names = await readdir(modules, { withFileTypes: true }).catch(() => []);
  const found = await Promise.all(
    names.map(async (entry) => {
      if (!entry.isDirectory()) return [];
      const path = join(modules, entry.name);
      if (!(await exists(join(path, "objects")))) return clonesIn(path);
      return [path, ...(await clonesIn(join(path, "modules")))];
    }),
  );
  return found.flat();
}

/** The submodules that are checked out in the worktree, the innermost first. */
export async function modulesOf(context: GitContext, tree: Worktree, signal: AbortSignal): Promise<Module[]> {
  const modules: Module[] = [];
  for (const admin of await clonesIn(join(tree.admin, "modules"))) {
    const asked = await context.git({
      at: { gitDir: admin },
      args: ["rev-parse", "--show-toplevel"],
      signal,
    });
    const dir = asked.ok ? asked.stdout.replace(/\n$/, "") : "";
    const path = relative(tree.dir, dir);
    const isInside = dir !== "" && path !== "" && !path.startsWith("..");
    // One that is not checked out (any more) was saved by the session that worked in it.
    if (isInside && (await exists(join(dir, ".git")))) modules.push({ tree: { dir, admin }, path });
  }
  return modules.toSorted((a, b) => b.path.length - a.path.length);
}
