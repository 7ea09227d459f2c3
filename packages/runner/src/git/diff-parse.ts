/** Reading `git diff --raw --numstat -z`: what changed, file by file. Pure. */
import type { ChangedFile } from "@gastown/protocol";

const STATUS: Readonly<Record<string, ChangedFile["status"]>> = {
  A: "added",
  C: "copied",
  D: "deleted",
  M: "modified",
  R: "renamed",
  T: "type_changed",
  // A conflict that nobody resolved, in a working tree.
  U: "modified",
};

interface Counts {
  readonly additions: number;
  readonly deletions: number;
  readonly binary: boolean;
}

/** `<additions>\t<deletions>\t<path>`; a rename leaves the path out and adds both names. */
const NUMBERS = /^(\d+|-)\t(\d+|-)\t([^]*)$/;

/** Records of both kinds, in the order in which git prints them: all raw ones come first. */
export function parseDiff(output: string): ChangedFile[] {
  const parts = output.split("\0");
  const raw: Pick<ChangedFile, "path" | "old_path" | "status">[] = [];
  const counts = new Map<string, Counts>();
  for (let i = 0; i < parts.length; i += 1) {
    const part = parts[i] ?? "";
    if (part.startsWith(":")) {
      const letter = part.slice(part.lastIndexOf(" ") + 1).charAt(0);
      const status = STATUS[letter] ?? "modified";
      const first = parts[(i += 1)] ?? "";
      if (letter === "R" || letter === "C")
        raw.push({ old_path: first, path: parts[(i += 1)] ?? "", status });
      else raw.push({ path: first, status });
      continue;
    }
    const [, added = "", deleted = "", name = ""] = NUMBERS.exec(part) ?? [];
    if (added === "") continue;
    const path = name === "" ? (parts[(i += 2)] ?? "") : name;
    counts.set(path, {
      additions: Number(added === "-" ? 0 : added),
      deletions: Number(deleted === "-" ? 0 : deleted),
      binary: added === "-",
    });
  }
  const none: Counts = { additions: 0, deletions: 0, binary: false };
  return raw.map((file) => ({ ...file, ...(counts.get(file.path) ?? none) }));
}
