/** Decision: one function changes a status, so that each change is checked, recorded and followed up. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "..", "packages", "town", "src");

/** The state columns of everything that has a state machine. */
const WRITES = [
  /update\s+beads\s+set[^`"]*\bstatus\s*=/i,
  /update\s+(merge_requests|convoys|rigs|sessions)\s+set[^`"]*\bstate\s*=/i,
];

function sources(): string[] {
  return readdirSync(root, { recursive: true, encoding: "utf8" }).filter(
    (file) => file.endsWith(".ts") && !file.endsWith(".test.ts"),
  );
}

function writers(files: readonly { name: string; text: string }[]): string[] {
  return files
    .filter(({ text }) => WRITES.some((write) => write.test(beforeWhere(text))))
    .map(({ name }) => name);
}

/** Conditions may name a state; only what is set counts. */
function beforeWhere(text: string): string {
  return text.replace(/\bwhere\b[^`"]*/gi, "");
}

describe("the one status writer", () => {
  it("is the only source that sets a status", () => {
    const files = sources().map((name) => ({ name, text: readFileSync(join(root, name), "utf8") }));
    expect(writers(files)).toEqual(["status.ts"]);
  });

  it("would be seen elsewhere", () => {
    const wrong = {
      name: "wrong.ts",
      text: 'sql.run("update beads set held = null, status = ? where id = ?")',
    };
    expect(writers([wrong])).toEqual(["wrong.ts"]);
  });

  it("names its tables in one place", () => {
    const text = readFileSync(join(root, "status.ts"), "utf8");
    expect(text).toContain("update ${machine.table} set ${machine.column}");
  });
});
