/** Branches of a bare repository, read from its files: asked at every request, and no process for it. */
import { readdir, readFile } from "node:fs/promises";
import { join, relative, sep } from "node:path";

const PACKED = /^([0-9a-f]{40}) refs\/heads\/(.+)$/;
const ID = /^[0-9a-f]{40}$/;

/** Null where the file is not there, or is gone in this moment. */
async function contentOf(path: string): Promise<string | null> {
  try {
    return await readFile(path, "utf8");
  } catch {
    return null;
  }
}

/** Every branch and its head. A loose ref is newer than a packed one of its name. */
export async function listHeads(dir: string): Promise<Map<string, string>> {
  const heads = new Map<string, string>();
  const root = join(dir, "refs", "heads");
  // Loose ones first: what is packed meanwhile is then found as packed.
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const loose = await Promise.all(
    entries
      .filter((entry) => entry.isFile() && !entry.name.endsWith(".lock"))
      .map(async (entry) => {
        const path = join(entry.parentPath, entry.name);
        return { name: relative(root, path).split(sep).join("/"), id: (await contentOf(path))?.trim() ?? "" };
      }),
  );
  for (const row of ((await contentOf(join(dir, "packed-refs"))) ?? "").split("\n")) {
    const [, id, name] = PACKED.exec(row) ?? [];
    if (id !== undefined && name !== undefined) heads.set(name, id);
  }
  for (const { name, id } of loose) if (ID.test(id)) heads.set(name, id);
  return heads;
}
