/** What a person is shown of some work (spec/runner.md §1). */
import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { MAX_FILE_DIFF } from "@gastown/protocol";
import type { DiffFiles, DiffQuery } from "@gastown/protocol";
import type { Patch } from "./diff.ts";
import {
  commitFiles,
  git,
  makeFixture,
  mergeRequest,
  NEVER,
  prepareOptions,
  workBranch,
} from "./testing/fixture.ts";
import type { Fixture } from "./testing/fixture.ts";

let f: Fixture;
beforeEach(() => {
  f = makeFixture();
});
afterEach(() => f.remove());

function query(more: Partial<DiffQuery>): DiffQuery {
  const { id, name, git_url, default_branch } = f.rig;
  return {
    rig_id: id,
    rig_name: name,
    git_url,
    default_branch,
    base: "refs/heads/main",
    head: "refs/heads/gt/toast/1",
    from: "merge_base",
    view: "files",
    after: 0,
    limit: 500,
    ...more,
  };
}

async function files(more: Partial<DiffQuery> = {}): Promise<DiffFiles> {
  const answer = await f.workspace.diff(query(more), NEVER);
  if (!("files" in answer)) throw new Error("no list");
  return answer.files;
}

async function patch(more: Partial<DiffQuery>): Promise<Patch> {
  const answer = await f.workspace.diff(query({ view: "patch", ...more }), NEVER);
  if (!("patch" in answer)) throw new Error("no patch");
  return answer.patch;
}

test("each file with what happened to it, since the branch left its target", async () => {
  f.personPushes("main", { "old name.txt": "a\nb\nc\nd\n", "gone.txt": "x\n", "pic.bin": "\0one" });
  const start = f.remoteHead("refs/heads/main");
  const head = workBranch(f, {
    "old name.txt": null,
    "new\tname.txt": "a\nb\nc\nd\n",
    "gone.txt": null,
    "pic.bin": "\0two\0",
    "README.md": "one\ntwo\n3\nfour\nfive\n",
    "zoë.txt": "new\n",
  });
  f.personPushes("main", { "later.txt": "not the branch's doing\n" });
  const list = await files();
  expect(list).toMatchObject({
    base: start,
    head,
    stat: { files: 5, additions: 2, deletions: 2 },
    next: null,
  });
  expect(list.files).toEqual([
    { path: "README.md", status: "modified", additions: 1, deletions: 1, binary: false },
    { path: "gone.txt", status: "deleted", additions: 0, deletions: 1, binary: false },
    {
      path: "new\tname.txt",
      old_path: "old name.txt",
      status: "renamed",
      additions: 0,
      deletions: 0,
      binary: false,
    },
    { path: "pic.bin", status: "modified", additions: 0, deletions: 0, binary: true },
    { path: "zoë.txt", status: "added", additions: 1, deletions: 0, binary: false },
  ]);
  const first = await files({ limit: 2 });
  expect(first).toMatchObject({ stat: { files: 5 }, next: 2 });
  const rest = await files({ after: 2, limit: 500 });
  expect([...first.files, ...rest.files]).toEqual(list.files);
});

test("a patch that git can apply, of everything and of one file", async () => {
  const head = workBranch(f, { "a.txt": "a\n", "b.txt": "b\n" });
  const whole = await patch({});
  expect(whole).toMatchObject({ head, truncated: false });
  const target = join(f.base, "apply");
  git(f.base, "clone", "--quiet", f.remote, target);
  writeFileSync(join(f.base, "work.patch"), whole.text);
  git(target, "apply", join(f.base, "work.patch"));
  expect(git(target, "status", "--porcelain")).toBe("?? a.txt\n?? b.txt");
  const one = await patch({ path: "b.txt" });
  expect(one.text).toMatch(/^diff --git a\/b\.txt b\/b\.txt\n/);
  expect(one.text).not.toContain("a.txt");
  await expect(patch({ path: "README.md" })).rejects.toMatchObject({ code: "not_found" });
});

test("a renamed file is shown as one, not as new", async () => {
  const head = workBranch(f, { "README.md": null, "docs/README.md": "one\ntwo\nthree\nfour\nFIVE\n" });
  const { text } = await patch({ path: "docs/README.md", head });
  expect(text).toContain("rename from README.md\nrename to docs/README.md\n");
  expect(text).toContain("-five\n+FIVE\n");
});

test("a file of more than a MiB is cut at a line", async () => {
  workBranch(f, { "big.txt": "0123456789abcde\n".repeat(100_000) });
  const { text, truncated } = await patch({ path: "big.txt" });
  expect(truncated).toBe(true);
  expect(Buffer.byteLength(text)).toBeLessThanOrEqual(MAX_FILE_DIFF);
  expect(text).toMatch(/\+0123456789abcde\n$/);
});

test.each(["merge", "squash", "rebase"] as const)(
  "what has landed by %s is shown against what was there",
  async (method) => {
    const head = workBranch(f, { "a.txt": "a\n", "b.txt": "b\n" });
    f.personPushes("main", { "other.txt": "o\n" });
    const landed = await f.workspace.merge(mergeRequest(f, head, { method }), () => true, NEVER);
    if (landed.outcome !== "merged") throw new Error(JSON.stringify(landed));
    git(f.clone, "push", "--quiet", "origin", ":gt/toast/1");
    const list = await files({ base: `${landed.commit}^`, head });
    expect(list.files.map(({ path }) => path)).toEqual(["a.txt", "b.txt"]);
  },
);

test("what is new since a verdict", async () => {
  const reviewed = workBranch(f, { "a.txt": "a\n" });
  const head = f.personPushes("gt/toast/1", { "a.txt": "a\nb\n" });
  const list = await files({ base: reviewed, head, from: "direct" });
  expect(list).toMatchObject({ base: reviewed, head, stat: { files: 1, additions: 1, deletions: 0 } });
});

test("commits and branches that are nowhere are not found", async () => {
  workBranch(f, { "a.txt": "a\n" });
  await expect(files({ head: "1".repeat(40) })).rejects.toMatchObject({ code: "not_found" });
  await expect(files({ head: "refs/heads/none" })).rejects.toMatchObject({ code: "not_found" });
});

test("a worktree as it is, with what is untracked, and nothing in it changes", async () => {
  const { dir, baseSha } = await f.workspace.prepareWorktree(prepareOptions(f));
  commitFiles(dir, { "done.txt": "done\n" });
  writeFileSync(join(dir, "README.md"), "changed\n");
  mkdirSync(join(dir, "cache"));
  writeFileSync(join(dir, "cache", "ignored"), "x");
  writeFileSync(join(dir, "new.txt"), "new\n");
  git(dir, "add", "new.txt");
  writeFileSync(join(dir, "new.txt"), "newer\n");
  renameSync(join(dir, ".gitignore"), join(dir, "moved.txt"));
  writeFileSync(join(dir, ".gitignore"), "cache/\n");
  rmSync(join(dir, "moved.txt"));
  const before = git(dir, "status", "--porcelain");
  const answer = await f.workspace.treeDiff({
    dir,
    rig: f.rig,
    query: { view: "files", after: 0, limit: 500 },
    signal: NEVER,
  });
  if (!("files" in answer)) throw new Error("no list");
  expect(answer.files).toMatchObject({ base: baseSha, head: null });
  expect(answer.files.files.map(({ path, status }) => [path, status])).toEqual([
    ["README.md", "modified"],
    ["done.txt", "added"],
    ["new.txt", "added"],
  ]);
  expect(git(dir, "status", "--porcelain")).toBe(before);
});
