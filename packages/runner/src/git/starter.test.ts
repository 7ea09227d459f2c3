/** Children started by the starter behave as if this process had started them, and outlive its loss. */
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { ChildOptions } from "./child.ts";
import { startThrough } from "./starter.ts";
import type { RunChild } from "./starter.ts";

const PROCESS = fileURLToPath(new URL("starter-process.ts", import.meta.url));
const SERVE = `(await import(${JSON.stringify(PROCESS)})).serveStarter()`;
const COMMAND = { command: process.execPath, args: ["--input-type=module", "--eval", SERVE], env: {} };

let dir: string;
let lost: Promise<void>;
let runChild: RunChild;
beforeEach(() => {
  dir = realpathSync(mkdtempSync(join(tmpdir(), "gastown-starter-")));
  lost = new Promise((done) => {
    runChild = startThrough(COMMAND, done);
  });
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const shell = (script: string, more: Partial<ChildOptions> = {}): Promise<Awaited<ReturnType<RunChild>>> =>
  runChild({
    command: "sh",
    args: ["-c", script],
    cwd: dir,
    env: { PATH: process.env["PATH"] ?? "", WORD: "hello" },
    timeoutMs: 30_000,
    signal: new AbortController().signal,
    stdout: { keep: "whole", bytes: 1_000 },
    stderr: { keep: "tail", bytes: 1_000 },
    reapGroup: false,
    ...more,
  });

test("its directory, environment, input, output and exit code", async () => {
  expect(await shell('pwd; echo "$WORD"; cat; echo bad >&2; exit 3', { input: "given\n" })).toEqual({
    ended: "exit",
    code: 3,
    stdout: `${dir}\nhello\ngiven\n`,
    stderr: "bad\n",
  });
});

test("many at once, each with its own answer, and each bounded", async () => {
  const many = Array.from({ length: 20 }, (_, i) => shell(`echo ${i}`));
  expect((await Promise.all(many)).map(({ stdout }) => stdout.trim())).toEqual(many.map((_, i) => String(i)));
  expect(await shell("yes")).toMatchObject({ ended: "overflow", code: null });
  expect(await shell("sleep 60", { timeoutMs: 1 })).toMatchObject({ ended: "timeout" });
});

test("an abort ends the child and rejects with the signal's reason", async () => {
  const abort = new AbortController();
  const running = shell("sleep 60", { signal: abort.signal });
  abort.abort(new Error("not wanted any more"));
  await expect(running).rejects.toThrow("not wanted any more");
  await expect(shell("true", { signal: abort.signal })).rejects.toThrow("not wanted any more");
});

test("when the starter dies, what it ran is told as unknown, and the next ones are started here", async () => {
  // Its parent is the starter: nothing but this child knows which process that is.
  expect(await shell('kill -9 "$PPID"; sleep 1')).toMatchObject({ ended: "not_started", code: null });
  await lost;
  expect(await shell('echo "$PPID"')).toMatchObject({ code: 0, stdout: `${process.pid}\n` });
});

test("a starter that cannot be started costs nothing but its help", async () => {
  runChild = startThrough({ command: join(dir, "none"), args: [], env: {} }, () => undefined);
  expect(await shell("true")).toMatchObject({ ended: "not_started" });
  expect(await shell("echo here")).toMatchObject({ code: 0, stdout: "here\n" });
});
