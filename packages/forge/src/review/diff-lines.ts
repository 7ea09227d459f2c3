/**
 * Which lines of the new file a unified diff shows: forges take inline comments only there. An added
 * line has no old one; GitLab wants both of a line of context.
 */
export function diffLines(patch: string): ReadonlyMap<number, number | null> {
  const lines = new Map<number, number | null>();
  let [oldLine, newLine] = [0, 0];
  for (const row of patch.split("\n")) {
    const [, oldStart, newStart] = /^@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@/.exec(row) ?? [];
    if (oldStart !== undefined && newStart !== undefined) {
      [oldLine, newLine] = [Number(oldStart), Number(newStart)];
    } else if (row.startsWith("+")) {
      lines.set(newLine, null);
      newLine += 1;
    } else if (row.startsWith("-")) {
      oldLine += 1;
    } else if (row.startsWith(" ")) {
      lines.set(newLine, oldLine);
      oldLine += 1;
      newLine += 1;
    }
  }
  return lines;
}
