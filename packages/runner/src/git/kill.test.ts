/**
 * kill -9 of a runner in the middle (spec/runner.md §5, §6). A child process runs one call with a git
 * that stops at a chosen command and says so; then the child and its git are killed, and a new workspace
 * on the same directory is asked for the same thing.
 */
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  commitFiles,
  gate,
  git,
  makeFixture,
  mergeRequest,
  NEVER,
  prepareOptions,
  settleOptions,
  workBranch,
} from "./testing/fixture.ts";
import type { Fixture } from "./testing/fixture.ts";

const RUNNER = fileURLToPath(new URL("./testing/call.ts", import.meta.url));
let f: Fixture;

beforeEach(() => {
  f = makeFixture();
});
afterEach(() => f.remove());

/**
 * Runs `call` in a process of its own and kills it where its git reaches `stopAt` (an sh condition):
 * before the command, or after it where `after` holds.
 */
async function killAt(call: string, argument: object, stopAt: string, after = false): Promise<void> {
  const bin = join(f.base, "killed-bin");
  mkdirSync(bin);
  const fifo = join(f.base, "stopped");
  execFileSync("mkfifo", [fifo]);
  const real = execFileSync("sh", ["-c", "command -v git"], { encoding: "utf8" }).trim();
  const stop = `echo $$ > ${fifo}; exec sleep 600`;
  const body = after
    ? `if ${stopAt}; then ${real} "$@" >/dev/null 2>&1; ${stop}; fi`
    : `if ${stopAt}; then ${stop}; fi`;
  writeFileSync(join(bin, "git"), `#!/bin/sh\n${body}\nexec ${real} "$@"\n`, { mode: 0o755 });
  const gitEnv = { PATH: `${bin}:${process.env["PATH"] ?? ""}` };
  const input = JSON.stringify({ root: f.root, gitEnv, call, argument });
  const child = spawn(process.execPath, [RUNNER, input], { stdio: ["ignore", "ignore", "inherit"] });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  // The fifo's reader waits for its writer.
  const pid = Number(await readFile(fifo, "utf8"));
  child.kill("SIGKILL");
  await ended;
  process.kill(-pid, "SIGKILL");
}

const yes = (): boolean => true;

test.each([
  ["before the push", '[ "$1" = push ]', false],
  ["after the push", '[ "$1" = push ]', true],
  ["before the commit is made", '[ "$1" = commit-tree ]', false],
])("a merge killed %s lands once", async (_when, stopAt, after) => {
  const head = workBranch(f, { "a.txt": "a" });
  const request = mergeRequest(f, head);
  await killAt("merge", request, stopAt, after);
  expect(await f.restart().merge(request, yes, NEVER)).toMatchObject({ outcome: "merged", already: after });
  expect(git(f.remote, "log", "--merges", "--format=%s", "main")).toBe("Land the work");
});

test("a merge killed while its gates run leaves no worktree to the next instance", async () => {
  const head = workBranch(f, { "a.txt": "a" });
  const request = mergeRequest(f, head, {
    gates: [gate("inside", `echo $$ > ${join(f.base, "stopped")}; exec sleep 600`)],
  });
  await killAt("merge", request, "false");
  const next = f.restart();
  expect(await next.merge({ ...request, gates: [gate("fine", "true")] }, yes, NEVER)).toMatchObject({
    outcome: "merged",
  });
  expect(
    git(join(f.root, "mirrors", `${f.rig.id}.git`), "worktree", "list", "--porcelain").match(/^worktree /gm),
  ).toHaveLength(1);
});

test("a rebase killed half way", async () => {
  const head = workBranch(f, { "a.txt": "a" });
  f.personPushes("main", { "m.txt": "m" });
  const request = mergeRequest(f, head, { method: "rebase" });
  await killAt("merge", request, '[ "$1" = rebase ]', true);
  expect(await f.restart().merge(request, yes, NEVER)).toMatchObject({ outcome: "merged", already: false });
});

test.each([true, false])("a new worktree killed while it is made (files there: %s)", async (after) => {
  await killAt("prepareWorktree", prepareOptions(f), '[ "$1" = checkout ]', after);
  const { dir } = await f.restart().prepareWorktree(prepareOptions(f));
  expect(git(dir, "status", "--porcelain")).toBe("");
});

test("a mirror killed while it is made, and one without its first fetch", async () => {
  await killAt("setupRig", f.rig, '[ "$1" = init ]', true);
  expect(await f.restart().setupRig(f.rig, NEVER)).toMatchObject({ outcome: "rig_ready" });
});

test("a settle killed after its push", async () => {
  const { dir } = await f.workspace.prepareWorktree(prepareOptions(f));
  writeFileSync(join(dir, "a.txt"), "a");
  await killAt("settle", settleOptions(f, dir), '[ "$1" = push ]', true);
  const head = git(dir, "rev-parse", "HEAD");
  expect(await f.restart().settle(settleOptions(f, dir))).toMatchObject({
    result: "pushed",
    head_sha: head,
    commits: 1,
  });
  expect(f.remoteHead("refs/heads/gt/toast/1")).toBe(head);
});

test("locks and half-made things that a killed git left", async () => {
  const { dir } = await f.workspace.prepareWorktree(prepareOptions(f));
  commitFiles(dir, {});
  await f.workspace.settle(settleOptions(f, dir));
  const mirror = join(f.root, "mirrors", `${f.rig.id}.git`);
  const admin = git(dir, "rev-parse", "--absolute-git-dir");
  const left = [
    join(admin, "index.lock"),
    join(admin, "HEAD.lock"),
    join(mirror, "packed-refs.lock"),
    join(mirror, "config.lock"),
    join(mirror, "refs", "heads", "gt", "toast", "2.lock"),
    join(mirror, "refs", "remotes", "origin", "main.lock"),
    join(mirror, "objects", "pack", "tmp_pack_x"),
  ];
  for (const path of left) writeFileSync(path, "");
  mkdirSync(join(mirror, "worktrees", "half"));
  writeFileSync(join(mirror, "worktrees", "half", "locked"), "initializing");
  f.personPushes("main", { "m.txt": "m" });
  const next = f.restart();
  const again = await next.prepareWorktree(prepareOptions(f, { branch: "gt/toast/2" }));
  expect(git(again.dir, "status", "--porcelain")).toBe("");
  expect(left.filter((path) => existsSync(path))).toEqual([]);
  expect(existsSync(join(mirror, "worktrees", "half"))).toBe(false);
});
