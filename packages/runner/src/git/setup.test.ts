/** Can a repository be used, and its first clone (spec/runner.md §1). */
import { existsSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { commitFiles, git, makeFixture, mergeRequest, NEVER, prepareOptions } from "./testing/fixture.ts";
import type { Fixture, FixtureOptions } from "./testing/fixture.ts";
import { createGitWorkspace } from "./workspace.ts";

let f: Fixture;
afterEach(() => {
  vi.unstubAllEnvs();
  f.remove();
});
function begin(options: FixtureOptions = {}): void {
  f = makeFixture(options);
}

test("a usable repository: its default branch or the named one, and nothing is made", async () => {
  begin();
  const main = f.remoteHead("refs/heads/main");
  const good = { ok: true, problem: null, default_branch: "main", head_sha: main };
  expect(await f.workspace.check(f.remote, undefined, NEVER)).toMatchObject(good);
  expect(await f.workspace.check(`file://${f.remote}`, "main", NEVER)).toMatchObject(good);
  expect(readdirSync(join(f.root, "mirrors"))).toEqual([]);
});

test("setup fetches every branch and tag, again after the remote changed", async () => {
  begin();
  f.personPushes("topic", { "t.txt": "t" });
  git(f.clone, "tag", "v1");
  git(f.clone, "push", "--quiet", "origin", "v1");
  expect(await f.workspace.setupRig(f.rig, NEVER)).toEqual({
    outcome: "rig_ready",
    default_branch: "main",
    head_sha: f.remoteHead("refs/heads/main"),
  });
  const mirror = join(f.root, "mirrors", `${f.rig.id}.git`);
  const refs = (): string[] => git(mirror, "for-each-ref", "--format=%(refname)").split("\n");
  expect(refs()).toEqual(["refs/remotes/origin/main", "refs/remotes/origin/topic", "refs/tags/v1"]);
  git(f.remote, "update-ref", "-d", "refs/heads/topic");
  const head = f.personPushes("main", { "m.txt": "m" });
  expect(await f.restart().setupRig(f.rig, NEVER)).toMatchObject({ outcome: "rig_ready", head_sha: head });
  expect(refs()).toEqual(["refs/remotes/origin/main", "refs/tags/v1"]);
});

test("setup finds the default branch where nobody named one", async () => {
  begin();
  const rig = { ...f.rig, default_branch: "HEAD" };
  const head_sha = f.remoteHead("refs/heads/main");
  expect(await f.workspace.setupRig(rig, NEVER)).toEqual({
    outcome: "rig_ready",
    default_branch: "main",
    head_sha,
  });
});

test("the rig got another url", async () => {
  begin();
  await f.workspace.setupRig(f.rig, NEVER);
  git(f.base, "clone", "--quiet", "--bare", f.remote, "moved.git");
  const rig = { ...f.rig, git_url: join(f.base, "moved.git") };
  expect(await f.workspace.setupRig(rig, NEVER)).toMatchObject({ outcome: "rig_ready" });
  const { dir } = await f.workspace.prepareWorktree(prepareOptions(f, { rig }));
  expect(git(dir, "remote", "get-url", "origin")).toBe(`file://${rig.git_url}`);
});

test("an empty repository says what to do", async () => {
  begin({ empty: true });
  const answer = await f.workspace.check(f.remote, undefined, NEVER);
  expect(answer).toMatchObject({ ok: false, problem: "empty", head_sha: null });
  expect(answer.action).toContain("first commit");
  expect(await f.workspace.setupRig(f.rig, NEVER)).toMatchObject({ outcome: "rig_broken", problem: "empty" });
  expect(existsSync(join(f.root, "mirrors", `${f.rig.id}.git`))).toBe(false);
  commitFiles(f.clone, { "a.txt": "a" });
  git(f.clone, "push", "--quiet", "origin", "HEAD:refs/heads/main");
  expect(await f.workspace.setupRig(f.rig, NEVER)).toMatchObject({ outcome: "rig_ready" });
});

test("a missing branch names those that exist", async () => {
  begin();
  const answer = await f.workspace.check(f.remote, "develop", NEVER);
  expect(answer).toMatchObject({ ok: false, problem: "missing_branch" });
  expect(answer.action).toContain("main");
  expect(await f.workspace.setupRig({ ...f.rig, default_branch: "develop" }, NEVER)).toMatchObject({
    outcome: "rig_broken",
    problem: "missing_branch",
  });
});

test("a default branch that HEAD does not name: the only one is taken", async () => {
  begin();
  git(f.remote, "symbolic-ref", "HEAD", "refs/heads/gone");
  expect(await f.workspace.check(f.remote, undefined, NEVER)).toMatchObject({
    ok: true,
    default_branch: "main",
  });
  f.personPushes("other", { "o.txt": "o" });
  expect(await f.workspace.check(f.remote, undefined, NEVER)).toMatchObject({
    ok: false,
    problem: "missing_branch",
  });
});

test("no such path, no repository there, nobody at that port", async () => {
  begin();
  for (const url of [join(f.base, "none"), f.base, "http://127.0.0.1:1/x.git"]) {
    const answer = await f.workspace.check(url, undefined, NEVER);
    expect(answer).toMatchObject({ ok: false, problem: "unreachable" });
    expect(answer.action).not.toBe("");
    expect(await f.workspace.setupRig({ ...f.rig, git_url: url }, NEVER)).toMatchObject({
      outcome: "rig_broken",
      problem: "unreachable",
    });
  }
});

test("urls that are no repositories are refused before git sees them", async () => {
  begin();
  const flag = join(f.base, "flag");
  for (const url of [
    `ext::sh -c touch% ${flag}`,
    `--upload-pack=touch ${flag}`,
    "https://a:b@example.com/x.git",
  ]) {
    expect(await f.workspace.check(url, undefined, NEVER)).toMatchObject({
      ok: false,
      problem: "not_allowed",
    });
    expect(await f.workspace.setupRig({ ...f.rig, git_url: url }, NEVER)).toMatchObject({
      outcome: "rig_broken",
      problem: "not_allowed",
    });
  }
  expect(existsSync(flag)).toBe(false);
  const strict = createGitWorkspace({
    root: join(f.base, "strict"),
    log: () => undefined,
    gitEnv: {},
    allowLocal: false,
  });
  for (const url of [f.remote, `file://${f.remote}`]) {
    expect(await strict.check(url, undefined, NEVER)).toMatchObject({ ok: false, problem: "not_allowed" });
  }
});

test("a person's own git configuration is read only where the caller names their home", async () => {
  begin();
  const home = join(f.base, "home");
  const url = "http://127.0.0.1:1/shop.git";
  git(f.base, "init", "--quiet", home);
  writeFileSync(join(home, ".gitconfig"), `[url "file://${f.remote}"]\n\tinsteadOf = ${url}\n`);
  vi.stubEnv("HOME", home);
  const options = { log: () => undefined, allowLocal: true };
  const closed = createGitWorkspace({ ...options, root: join(f.base, "closed"), gitEnv: {} });
  expect(await closed.check(url, undefined, NEVER)).toMatchObject({ ok: false, problem: "unreachable" });
  // That is how credentials of the host reach git.
  const open = createGitWorkspace({ ...options, root: join(f.base, "open"), gitEnv: { HOME: home } });
  expect(await open.check(url, undefined, NEVER)).toMatchObject({ ok: true });
});

test("a data directory that cannot be written is said so, and works again afterwards", async () => {
  begin();
  const mirrors = join(f.root, "mirrors");
  await f.workspace.check(f.remote, undefined, NEVER);
  rmSync(mirrors, { recursive: true });
  writeFileSync(mirrors, "a file where the mirrors should be");
  expect(await f.workspace.setupRig(f.rig, NEVER)).toMatchObject({ outcome: "rig_broken", problem: "disk" });
  const merging = f.workspace.merge(mergeRequest(f, "1".repeat(40)), () => true, NEVER);
  expect(await merging).toMatchObject({ outcome: "error" });
  const preparing = f.restart().prepareWorktree(prepareOptions(f));
  await expect(preparing).rejects.toMatchObject({ failure: { code: "disk" } });
  rmSync(mirrors);
  expect(await f.workspace.setupRig(f.rig, NEVER)).toMatchObject({ outcome: "rig_ready" });
});
