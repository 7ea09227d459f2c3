/** Worktrees per slot (spec/runner.md §5; spec/town.md §8 invariant 12). */
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { GitFailure } from "./failure.ts";
import type { GitFailureCode } from "./failure.ts";
import {
  commitFiles,
  gate,
  gatesRequest,
  git,
  id,
  makeFixture,
  mergeRequest,
  NEVER,
  once,
  prepareOptions,
  saveOptions,
  workBranch,
} from "./testing/fixture.ts";
import type { Fixture } from "./testing/fixture.ts";

let f: Fixture;
beforeEach(() => {
  f = makeFixture();
});
afterEach(() => f.remove());

async function failureOf(work: Promise<unknown>): Promise<{ code: GitFailureCode; phase: string }> {
  const error = await work.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof GitFailure)) throw new Error(`no GitFailure but ${String(error)}`);
  return { code: error.failure.code, phase: error.failure.phase };
}

test("a new slot stands on its branch at the start point, private to its owner", async () => {
  const main = f.remoteHead("refs/heads/main");
  const { dir, baseSha } = await f.workspace.prepareWorktree(prepareOptions(f));
  expect(baseSha).toBe(main);
  expect(git(dir, "rev-parse", "HEAD")).toBe(main);
  expect(git(dir, "symbolic-ref", "HEAD")).toBe("refs/heads/gt/toast/1");
  expect(git(dir, "status", "--porcelain")).toBe("");
  expect(statSync(f.root).mode & 0o077).toBe(0);
  expect(statSync(join(dir, "..")).mode & 0o077).toBe(0);
});

test("a null branch is a detached head", async () => {
  const { dir } = await f.workspace.prepareWorktree(prepareOptions(f, { branch: null }));
  expect(git(dir, "rev-parse", "--abbrev-ref", "HEAD")).toBe("HEAD");
  const again = await f.workspace.prepareWorktree(prepareOptions(f, { branch: null }));
  expect(again.dir).toBe(dir);
  expect(git(dir, "rev-parse", "--abbrev-ref", "HEAD")).toBe("HEAD");
});

test("the agent's own commits carry its name, each worktree its own, and no plain push goes anywhere", async () => {
  const bob = { name: 'Bob "the \\ builder"', email: "bob@gastown.invalid" };
  const one = await f.workspace.prepareWorktree(prepareOptions(f));
  const two = await f.workspace.prepareWorktree(
    prepareOptions(f, { slot: id("agent", "2"), branch: "gt/bob/2", author: bob }),
  );
  expect(git(one.dir, "config", "user.name")).toBe("Toast");
  expect(git(two.dir, "config", "user.name")).toBe(bob.name);
  expect(git(two.dir, "config", "user.email")).toBe(bob.email);
  commitFiles(one.dir, { "a.txt": "a" });
  expect(() => git(one.dir, "push")).toThrow(/push/);
  expect(f.remoteHead("refs/heads/gt/toast/1")).toBeNull();
});

test("reuse resets tracked files and removes untracked ones, nested repositories too, but keeps ignored ones", async () => {
  const { dir } = await f.workspace.prepareWorktree(prepareOptions(f));
  writeFileSync(join(dir, "README.md"), "spoilt");
  writeFileSync(join(dir, "junk.txt"), "junk");
  mkdirSync(join(dir, "cache"));
  writeFileSync(join(dir, "cache", "kept"), "kept");
  mkdirSync(join(dir, "nested"));
  git(join(dir, "nested"), "init", "--quiet");
  const next = f.personPushes("main", { "new.txt": "new" });
  const again = await f.workspace.prepareWorktree(prepareOptions(f, { branch: "gt/toast/2" }));
  expect(again).toEqual({ dir, baseSha: next, kept: false });
  expect(readFileSync(join(dir, "README.md"), "utf8")).toContain("one");
  expect(existsSync(join(dir, "junk.txt"))).toBe(false);
  expect(existsSync(join(dir, "nested"))).toBe(false);
  expect(readFileSync(join(dir, "cache", "kept"), "utf8")).toBe("kept");
  expect(git(dir, "symbolic-ref", "HEAD")).toBe("refs/heads/gt/toast/2");
});

test("reuse in the middle of a merge, and of a rebase, that conflict", async () => {
  const { dir } = await f.workspace.prepareWorktree(prepareOptions(f));
  for (const operation of ["merge", "rebase"]) {
    const other = f.personPushes("other", { "README.md": `theirs ${operation}` });
    git(dir, "fetch", "--quiet", "origin");
    commitFiles(dir, { "README.md": `ours ${operation}` });
    await f.workspace.saveWork(saveOptions(f, dir, { sessionId: id("sess", operation) }));
    expect(() => git(dir, operation, other)).toThrow(/./);
    await f.workspace.saveWork(saveOptions(f, dir, { sessionId: id("sess", operation) }));
    await f.workspace.prepareWorktree(prepareOptions(f, { branch: `gt/toast/${operation}` }));
    expect(git(dir, "status")).toBe(`On branch gt/toast/${operation}\nnothing to commit, working tree clean`);
  }
});

test("never while commits exist that no remote ref has; after saving them it goes on", async () => {
  const { dir } = await f.workspace.prepareWorktree(prepareOptions(f));
  const work = commitFiles(dir, { "work.txt": "precious" });
  const again = prepareOptions(f, { branch: "gt/toast/2" });
  expect(await failureOf(f.workspace.prepareWorktree(again))).toEqual({
    code: "unsaved_commits",
    phase: "worktree",
  });
  expect(git(dir, "rev-parse", "HEAD")).toBe(work);
  const saved = await f.workspace.saveWork(saveOptions(f, dir));
  expect(f.remoteHead(saved.workRef ?? "")).toBe(work);
  await f.workspace.prepareWorktree(again);
  expect(existsSync(join(dir, "work.txt"))).toBe(false);
});

test("commits of a head that the agent detached are seen as well", async () => {
  const { dir } = await f.workspace.prepareWorktree(prepareOptions(f));
  git(dir, "checkout", "--quiet", "--detach");
  commitFiles(dir, { "work.txt": "precious" });
  expect((await failureOf(f.workspace.prepareWorktree(prepareOptions(f)))).code).toBe("unsaved_commits");
});

test("a missing start point is an error, never another branch", async () => {
  const expected = { code: "missing_start_point", phase: "repository" };
  for (const startPoint of [
    "refs/heads/none",
    "refs/gastown/wip/none",
    "0".repeat(39) + "1",
    "main",
    "--upload-pack=x",
  ]) {
    expect(await failureOf(f.workspace.prepareWorktree(prepareOptions(f, { startPoint })))).toEqual(expected);
  }
  expect(existsSync(join(f.root, "slots", id("agent", "1"), f.rig.id))).toBe(false);
});

test("a commit id that the mirror lacks is fetched", async () => {
  await f.workspace.prepareWorktree(prepareOptions(f));
  const commit = f.personPushes("elsewhere", { "e.txt": "e" });
  f.personPushes("elsewhere", { "e.txt": "later" });
  const { baseSha, dir } = await f.workspace.prepareWorktree(prepareOptions(f, { startPoint: commit }));
  expect(baseSha).toBe(commit);
  expect(readFileSync(join(dir, "e.txt"), "utf8")).toBe("e");
});

test("keep leaves everything as it is, and remembers where the session began", async () => {
  const { dir, baseSha } = await f.workspace.prepareWorktree(prepareOptions(f));
  const work = commitFiles(dir, { "work.txt": "work" });
  writeFileSync(join(dir, "dirty.txt"), "dirty");
  f.personPushes("main", { "new.txt": "new" });
  const kept = await f.restart().prepareWorktree(prepareOptions(f, { keep: true }));
  expect(kept).toEqual({ dir, baseSha, kept: true });
  expect(git(dir, "rev-parse", "HEAD")).toBe(work);
  expect(existsSync(join(dir, "dirty.txt"))).toBe(true);
});

test("keep without a worktree makes one", async () => {
  const { dir } = await f.workspace.prepareWorktree(prepareOptions(f, { keep: true }));
  expect(git(dir, "symbolic-ref", "HEAD")).toBe("refs/heads/gt/toast/1");
});

test("a session whose disk is gone begins at what it had saved, and its next save takes the place of nothing", async () => {
  const first = await f.workspace.prepareWorktree(prepareOptions(f));
  const work = commitFiles(first.dir, { "work.txt": "work" });
  writeFileSync(join(first.dir, "dirty.txt"), "dirty");
  await f.workspace.saveWork(saveOptions(f, first.dir));
  rmSync(f.root, { recursive: true });
  const goesOn = id("sess", "1");
  const { dir, kept } = await f.restart().prepareWorktree(prepareOptions(f, { keep: true, goesOn }));
  expect(kept).toBe(false);
  expect(readFileSync(join(dir, "dirty.txt"), "utf8")).toBe("dirty");
  expect(git(dir, "symbolic-ref", "HEAD")).toBe("refs/heads/gt/toast/1");
  commitFiles(dir, { "more.txt": "more" });
  await f.restart().saveWork(saveOptions(f, dir));
  expect(f.remoteHas(work, `refs/gastown/wip/${goesOn}`)).toBe(true);
});

test("a session that goes on without anything saved begins at its start point", async () => {
  const { baseSha } = await f.workspace.prepareWorktree(
    prepareOptions(f, { keep: true, goesOn: id("sess", "1") }),
  );
  expect(baseSha).toBe(f.remoteHead("refs/heads/main"));
});

test("a worktree whose .git file or whole directory was destroyed keeps its unsaved commits", async () => {
  const { dir } = await f.workspace.prepareWorktree(prepareOptions(f));
  const work = commitFiles(dir, { "work.txt": "precious" });
  rmSync(join(dir, ".git"));
  git(dir, "init", "--quiet");
  expect((await failureOf(f.workspace.prepareWorktree(prepareOptions(f)))).code).toBe("unsaved_commits");
  rmSync(dir, { recursive: true });
  expect((await failureOf(f.workspace.prepareWorktree(prepareOptions(f)))).code).toBe("unsaved_commits");
  await f.workspace.saveWork(saveOptions(f, dir));
  expect(f.remoteHas(work, `refs/gastown/wip/${id("sess", "1")}`)).toBe(true);
});

test("a branch moves to the slot that works on it next; the other keeps its commit", async () => {
  const one = await f.workspace.prepareWorktree(prepareOptions(f));
  const two = await f.workspace.prepareWorktree(prepareOptions(f, { slot: id("agent", "2") }));
  const before = git(one.dir, "rev-parse", "HEAD");
  commitFiles(two.dir, { "two.txt": "two" });
  expect(git(one.dir, "rev-parse", "HEAD")).toBe(before);
  expect(git(two.dir, "symbolic-ref", "HEAD")).toBe("refs/heads/gt/toast/1");
  await f.workspace.prepareWorktree(prepareOptions(f, { branch: "gt/toast/3" }));
});

test("a slot whose branch was squashed and deleted on the remote is free again", async () => {
  const { dir } = await f.workspace.prepareWorktree(prepareOptions(f));
  const head = commitFiles(dir, { "work.txt": "work" });
  git(dir, "push", "--quiet", "origin", "HEAD:refs/heads/gt/toast/1");
  expect(await f.workspace.saveWork(saveOptions(f, dir))).toEqual({ workRef: null });
  git(f.remote, "update-ref", "-d", "refs/heads/gt/toast/1");
  await f.workspace.setupRig(f.rig, NEVER);
  expect(git(dir, "branch", "--remotes", "--contains", head)).toBe("");
  await f.workspace.prepareWorktree(prepareOptions(f, { branch: "gt/toast/2" }));
});

test("a branch name below a former branch's name is no obstacle", async () => {
  f.personPushes("topic", { "t.txt": "t" });
  await f.workspace.prepareWorktree(prepareOptions(f, { startPoint: "refs/heads/topic" }));
  git(f.remote, "update-ref", "-d", "refs/heads/topic");
  const below = f.personPushes("topic/below", { "b.txt": "b" });
  const { baseSha } = await f.workspace.prepareWorktree(
    prepareOptions(f, { startPoint: "refs/heads/topic/below" }),
  );
  expect(baseSha).toBe(below);
});

test("ten slots at once", async () => {
  const slots = Array.from({ length: 10 }, (_, n) =>
    prepareOptions(f, { slot: id("agent", String(n)), branch: `gt/a/${n}` }),
  );
  const made = await Promise.all(slots.map((o) => f.workspace.prepareWorktree(o)));
  expect(new Set(made.map((tree) => tree.dir)).size).toBe(10);
  for (const [n, tree] of made.entries())
    expect(git(tree.dir, "symbolic-ref", "HEAD")).toBe(`refs/heads/gt/a/${n}`);
});

test("an abort ends it with the signal's reason", async () => {
  const reason = new Error("stopped by the test");
  await expect(
    f.workspace.prepareWorktree(prepareOptions(f, { signal: AbortSignal.abort(reason) })),
  ).rejects.toBe(reason);
});

test("a start point that has not moved since is read but not fetched again, a moved one is", async () => {
  f.remove();
  f = makeFixture({ wrapper: (base) => `[ "$1" = fetch ] && echo fetch >>"${base}/fetches"` });
  const fetches = (): number => readFileSync(join(f.base, "fetches"), "utf8").trim().split("\n").length;
  await f.workspace.prepareWorktree(prepareOptions(f));
  const first = fetches();
  await f.workspace.prepareWorktree(prepareOptions(f, { branch: "gt/toast/2" }));
  expect(fetches()).toBe(first);
  const moved = f.personPushes("main", { "b.txt": "b" });
  const { baseSha } = await f.workspace.prepareWorktree(prepareOptions(f, { branch: "gt/toast/3" }));
  expect(baseSha).toBe(moved);
});

test("a git that died because another worktree vanished under it is started again", async () => {
  f.remove();
  const died = `echo "fatal: failed to read /m.git/worktrees/x/commondir: Success" >&2; exit 128`;
  f = makeFixture({ wrapper: (base) => `${once(base, "fetch", died)}\n${once(base, "checkout", died)}` });
  await f.workspace.prepareWorktree(prepareOptions(f));
});

test("slots, gates and merges of one mirror at once do not disturb each other", async () => {
  const head = workBranch(f, { "a.txt": "a" });
  const gates = [gate("fine", "test -e README.md")];
  const slots = Array.from({ length: 6 }, (_, n) =>
    prepareOptions(f, { slot: id("agent", String(n)), branch: `gt/a/${n}` }),
  );
  for (let turn = 0; turn < 3; turn += 1) {
    const outcomes = await Promise.all([
      f.workspace.runGates(gatesRequest(f, head, { gates }), NEVER),
      f.workspace.runGates(gatesRequest(f, head, { gates }), NEVER),
      f.workspace.merge(mergeRequest(f, head, { gates, method: "rebase" }), () => false, NEVER),
      ...slots.map((o) => f.workspace.prepareWorktree(o)),
    ]);
    expect(outcomes.slice(0, 3)).toMatchObject([
      { outcome: "gates_done" },
      { outcome: "gates_done" },
      { outcome: "withdrawn" },
    ]);
  }
});
