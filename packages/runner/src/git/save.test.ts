/** Unfinished work is saved before anything happens to its worktree (spec/runner.md §5). */
import { existsSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  commitFiles,
  git,
  id,
  makeFixture,
  once,
  prepareOptions,
  saveOptions,
  settleOptions,
} from "./testing/fixture.ts";
import type { Fixture } from "./testing/fixture.ts";

const SESSION = id("sess", "1");
const WIP = `refs/gastown/wip/${SESSION}`;
let f: Fixture;
let dir: string;

beforeEach(async () => {
  f = makeFixture();
  ({ dir } = await f.workspace.prepareWorktree(prepareOptions(f)));
});
afterEach(() => f.remove());

function refuse(pattern: string): void {
  const hook = `#!/bin/sh\necho "$1" >> ${f.base}/asked\ncase "$1" in ${pattern}) echo "not here"; exit 1;; esac\n`;
  writeFileSync(join(f.remote, "hooks", "update"), hook, { mode: 0o755 });
}

test("nothing to save: a fresh worktree, ignored files, settled work", async () => {
  expect(await f.workspace.saveWork(saveOptions(f, dir))).toEqual({ workRef: null });
  git(dir, "check-ignore", "cache/x");
  commitFiles(dir, { "a.txt": "a" });
  await f.workspace.settle(settleOptions(f, dir));
  expect(await f.workspace.saveWork(saveOptions(f, dir))).toEqual({ workRef: null });
  expect(git(f.remote, "for-each-ref", "refs/gastown")).toBe("");
});

test("commits and dirty files go to the session's ref; the worktree notices nothing", async () => {
  const head = commitFiles(dir, { "a.txt": "a" });
  writeFileSync(join(dir, "README.md"), "changed");
  writeFileSync(join(dir, "new.txt"), "new");
  writeFileSync(join(dir, "staged.txt"), "staged");
  git(dir, "add", "staged.txt");
  const before = git(dir, "status", "--porcelain");
  expect(await f.workspace.saveWork(saveOptions(f, dir))).toEqual({ workRef: WIP });
  expect(git(dir, "status", "--porcelain")).toBe(before);
  expect(git(dir, "rev-parse", "HEAD")).toBe(head);
  expect(git(f.remote, "rev-parse", `${WIP}^`)).toBe(head);
  expect(git(f.remote, "show", `${WIP}:new.txt`)).toBe("new");
  expect(git(f.remote, "show", `${WIP}:staged.txt`)).toBe("staged");
  expect(git(f.remote, "log", "-1", "--format=%an", WIP)).toBe("Toast");
});

test("a change within the second of the last commit, of the same length, is saved too", async () => {
  // Many gits compare times in whole seconds; here all of it happened in one, which is over.
  const second = 1_700_000_000;
  const inThatSecond = (...paths: string[]): void => {
    for (const path of paths) utimesSync(path, second, second);
  };
  git(dir, "config", "core.trustctime", "false");
  const file = join(dir, "a.txt");
  writeFileSync(file, "old");
  inThatSecond(file);
  commitFiles(dir, {});
  writeFileSync(file, "new");
  inThatSecond(file, git(dir, "rev-parse", "--path-format=absolute", "--git-path", "index"));
  writeFileSync(join(dir, "b.txt"), "more");
  expect(await f.workspace.saveWork(saveOptions(f, dir))).toEqual({ workRef: WIP });
  expect(git(f.remote, "show", `${WIP}:a.txt`)).toBe("new");
});

test("again after a lost answer: the same ref, the same commit", async () => {
  writeFileSync(join(dir, "new.txt"), "new");
  await f.workspace.saveWork(saveOptions(f, dir));
  const saved = f.remoteHead(WIP);
  expect(await f.restart().saveWork(saveOptions(f, dir))).toEqual({ workRef: WIP });
  expect(f.remoteHead(WIP)).toBe(saved);
  const head = commitFiles(dir, {});
  expect(await f.workspace.saveWork(saveOptions(f, dir))).toEqual({ workRef: WIP });
  expect(await f.restart().saveWork(saveOptions(f, dir))).toEqual({ workRef: WIP });
  expect(f.remoteHead(WIP)).toBe(head);
});

test("what an older runner of the session saves goes beside what a newer one has saved, and not in its place", async () => {
  const older = commitFiles(dir, { "a.txt": "a" });
  const newer = f.personPushes("elsewhere", { "b.txt": "b" });
  git(f.remote, "update-ref", WIP, newer);
  const { workRef } = await f.workspace.saveWork(saveOptions(f, dir));
  expect(workRef).toBe(`${WIP}-${older.slice(0, 12)}`);
  expect([f.remoteHead(WIP), f.remoteHead(workRef ?? "")]).toEqual([newer, older]);
  expect(await f.restart().saveWork(saveOptions(f, dir))).toEqual({ workRef });
});

test("the next attempt starts from it, in another slot and on another machine", async () => {
  writeFileSync(join(dir, "new.txt"), "new");
  await f.workspace.saveWork(saveOptions(f, dir));
  const next = await f.workspace.prepareWorktree(
    prepareOptions(f, { slot: id("agent", "2"), branch: "gt/rye/1-2", startPoint: WIP }),
  );
  expect(next.baseSha).toBe(f.remoteHead(WIP));
  expect(readFileSync(join(next.dir, "new.txt"), "utf8")).toBe("new");
  const settled = await f.workspace.settle(settleOptions(f, next.dir, { branch: "gt/rye/1-2" }));
  expect(settled).toMatchObject({ result: "pushed", commits: 1 });
});

test("a saved slot may be reused, and again after its saved ref was deleted", async () => {
  const work = commitFiles(dir, { "a.txt": "a" });
  await f.workspace.saveWork(saveOptions(f, dir));
  git(f.remote, "update-ref", "-d", WIP);
  git(dir, "update-ref", "-d", `refs/remotes/gastown-wip/${SESSION}`);
  await f.workspace.prepareWorktree(prepareOptions(f, { branch: "gt/toast/2" }));
  expect(git(dir, "rev-parse", "HEAD")).not.toBe(work);
});

test("another local branch that the agent committed to is saved as well", async () => {
  git(dir, "switch", "--quiet", "--create", "aside");
  const aside = commitFiles(dir, { "aside.txt": "a" });
  git(dir, "switch", "--quiet", "gt/toast/1");
  const head = commitFiles(dir, { "a.txt": "a" });
  expect(await f.workspace.saveWork(saveOptions(f, dir))).toEqual({
    workRef: WIP,
    kept: [{ submodule: null, ref: `${WIP}-2`, bundle: null }],
  });
  expect(f.remoteHead(WIP)).toBe(head);
  expect(f.remoteHead(`${WIP}-2`)).toBe(aside);
});

test("and one that the agent set aside without ever switching to it", async () => {
  const aside = commitFiles(dir, { "aside.txt": "a" });
  git(dir, "branch", "aside");
  git(dir, "reset", "--quiet", "--hard", "HEAD^");
  expect(await f.workspace.saveWork(saveOptions(f, dir))).toEqual({ workRef: `${WIP}-2` });
  expect(f.remoteHead(`${WIP}-2`)).toBe(aside);
});

test("a remote without such refs gets a branch, and is not asked for more of them", async () => {
  refuse("refs/gastown/*");
  writeFileSync(join(dir, "new.txt"), "new");
  const branch = `refs/heads/gastown-wip/${SESSION}`;
  expect(await f.workspace.saveWork(saveOptions(f, dir))).toEqual({ workRef: branch });
  expect(git(f.remote, "show", `${branch}:new.txt`)).toBe("new");
  commitFiles(dir, {});
  expect(await f.workspace.saveWork(saveOptions(f, dir))).toEqual({ workRef: branch });
  expect(readFileSync(join(f.base, "asked"), "utf8")).toBe(`${WIP}\n${branch}\n${branch}\n`);
  expect(await f.restart().saveWork(saveOptions(f, dir))).toEqual({ workRef: branch });
});

test("a remote that refuses it for good: a bundle, from which everything can be had again", async () => {
  refuse("*");
  const head = commitFiles(dir, { "a.txt": "a" });
  writeFileSync(join(dir, "new.txt"), "new");
  const saved = await f.workspace.saveWork(saveOptions(f, dir));
  const bundle = join(f.root, "bundles", `${SESSION}.bundle`);
  expect(saved).toEqual({ workRef: null, kept: [{ submodule: null, ref: null, bundle }] });
  expect(f.events.map((event) => event.event)).toEqual(["work_bundled"]);
  git(f.clone, "fetch", "--quiet", bundle, `refs/gastown/bundled/${SESSION}:refs/heads/rescued`);
  expect(git(f.clone, "rev-parse", "rescued^")).toBe(head);
  expect(git(f.clone, "show", "rescued:new.txt")).toBe("new");
  expect(existsSync(`${bundle}.new`)).toBe(false);
  await f.workspace.prepareWorktree(prepareOptions(f, { branch: "gt/toast/2" }));
});

test("a bundled head is answered the same after a lost answer", async () => {
  refuse("*");
  commitFiles(dir, { "a.txt": "a" });
  const saved = await f.workspace.saveWork(saveOptions(f, dir));
  expect(saved.kept).toHaveLength(1);
  expect(await f.restart().saveWork(saveOptions(f, dir))).toEqual(saved);
});

test("in the middle of a conflict everything is saved, markers and all", async () => {
  const theirs = f.personPushes("other", { "README.md": "theirs" });
  git(dir, "fetch", "--quiet", "origin");
  commitFiles(dir, { "README.md": "ours" });
  expect(() => git(dir, "merge", theirs)).toThrow(/./);
  await f.workspace.saveWork(saveOptions(f, dir));
  expect(git(f.remote, "show", `${WIP}:README.md`)).toContain("<<<<<<<");
  expect(git(dir, "status", "--porcelain")).toBe("UU README.md");
});

test("a worktree that is not there has nothing to save", async () => {
  expect(await f.workspace.saveWork(saveOptions(f, join(f.root, "slots", "none", f.rig.id)))).toEqual({
    workRef: null,
  });
});

test("a broken connection is told apart, and nothing is bundled", async () => {
  f.remove();
  f = makeFixture({
    wrapper: () =>
      `case "$1" in push|ls-remote) echo 'fatal: Could not resolve host: x' >&2; exit 128;; esac`,
  });
  ({ dir } = await f.workspace.prepareWorktree(prepareOptions(f)));
  commitFiles(dir, { "a.txt": "a" });
  await expect(f.workspace.saveWork(saveOptions(f, dir))).rejects.toMatchObject({
    failure: { code: "network" },
  });
  expect(existsSync(join(f.root, "bundles", `${SESSION}.bundle`))).toBe(false);
});

test("the answer of the push is lost", async () => {
  f.remove();
  f = makeFixture({ wrapper: (base) => once(base, "push", `"$REAL" "$@" >/dev/null 2>&1\nexit 128`) });
  ({ dir } = await f.workspace.prepareWorktree(prepareOptions(f)));
  const head = commitFiles(dir, { "a.txt": "a" });
  expect(await f.workspace.saveWork(saveOptions(f, dir))).toEqual({ workRef: WIP });
  expect(f.remoteHead(WIP)).toBe(head);
});
