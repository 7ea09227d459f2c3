import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { detectGates } from "./detect-gates.ts";
import { absoluteUrl, nameOf } from "./rig.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "gastown-gates-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const write = (name: string, text: string): void => writeFileSync(join(root, name), text);

describe("gates of a repository", () => {
  it("are its test command", () => {
    write("Makefile", "build:\n\ttrue\ntest:\n\ttrue\n");
    expect(detectGates(root)).toEqual(["make test"]);
    write("go.mod", "module a\n");
    expect(detectGates(root)).toEqual(["go test ./..."]);
    write("Cargo.toml", "");
    expect(detectGates(root)).toEqual(["cargo test"]);
    write("package.json", '{"scripts": {"test": "node --test"}}');
    expect(detectGates(root)).toEqual(["npm test"]);
  });

  it("are none where nothing tests anything", () => {
    expect(detectGates(root)).toEqual([]);
    write("package.json", '{"scripts": {"test": "echo \\"Error: no test specified\\" && exit 1"}}');
    expect(detectGates(root)).toEqual([]);
    write("package.json", "{ not json");
    expect(detectGates(root)).toEqual([]);
  });
});

describe("the place of a repository", () => {
  it("is absolute, and urls stay as they are", () => {
    expect(absoluteUrl("../a", "/x/y")).toBe("/x/a");
    expect(absoluteUrl("/a/b", "/x")).toBe("/a/b");
    for (const url of ["https://h/a.git", "ssh://git@h:22/a", "git@h:team/a.git", "file:///a"])
      expect(absoluteUrl(url, "/x")).toBe(url);
  });

  it("gives the rig its name", () => {
    expect(nameOf("https://h/team/app.git")).toBe("app");
    expect(nameOf("git@h:app.git")).toBe("app");
    expect(nameOf("/srv/repos/app/")).toBe("app");
  });
});
