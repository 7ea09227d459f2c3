import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { detectRuntimes } from "./detect-runtimes.ts";
import { resolveRuntime } from "./resolve-runtime.ts";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "gastown-runtimes-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function program(name: string, text: string): string {
  const file = join(dir, name);
  writeFileSync(file, `#!/bin/sh\n${text}\n`);
  chmodSync(file, 0o755);
  return file;
}

const places = (overrides = {}) => ({
  path: dir,
  scripted: { command: process.execPath, args: ["x"] },
  overrides,
});

describe("finding a runtime's program", () => {
  it("takes it from the host's PATH", () => {
    const file = program("kilo", "");
    expect(resolveRuntime("kilo", places())).toMatchObject({ command: file, args: ["acp"] });
  });

  it("refuses what is not installed, with what to do", () => {
    expect(() => resolveRuntime("opencode", places())).toThrow(
      expect.objectContaining({
        code: "runtime_missing",
        status: 422,
        message: expect.stringContaining("npm install -g opencode-ai"),
      }),
    );
  });

  it.each(["nonsense", "__proto__", "constructor"])(
    "refuses the unknown runtime %s with those that exist",
    (id) => {
      expect(() => resolveRuntime(id, places())).toThrow(
        expect.objectContaining({
          code: "runtime_missing",
          message: expect.stringContaining("kilo, opencode, claude"),
        }),
      );
    },
  );

  it("lets an override name another place, more arguments and variables", () => {
    const command = program("elsewhere", "");
    expect(
      resolveRuntime("kilo", places({ kilo: { command, args: ["acp", "-x"], env: { A: "1" } } })),
    ).toMatchObject({
      command,
      args: ["acp", "-x"],
      env: { A: "1" },
    });
    expect(resolveRuntime("custom", places({ custom: { command } }))).toMatchObject({ command, args: [] });
    expect(() => resolveRuntime("custom", places())).toThrow(/no command on this host/);
  });

  it("does not take a directory or a file that cannot be run", () => {
    writeFileSync(join(dir, "gemini"), "text");
    expect(() => resolveRuntime("gemini", places())).toThrow(/not installed/);
  });
});

describe("detecting runtimes", () => {
  it("says for each what is there, which version, and what to do", async () => {
    program("kilo", "echo kilo 7.7.7");
    program("opencode", "exit 3");
    const found = new Map(
      (await detectRuntimes({ path: `${dir}:/bin:/usr/bin`, env: {} })).map((one) => [one.id, one]),
    );
    expect(found.get("kilo")).toMatchObject({ installed: true, version: "7.7.7", problem: null });
    expect(found.get("opencode")).toMatchObject({
      installed: true,
      version: null,
      problem: expect.stringContaining("failed"),
    });
    expect(found.get("scripted")).toMatchObject({ installed: true, problem: null });
    expect(found.get("codex")).toMatchObject({
      installed: false,
      problem: expect.stringContaining("codex-acp"),
    });
    expect(found.size).toBe(7);
  });
});
