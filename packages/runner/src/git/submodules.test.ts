/** Submodules on request (spec/runner.md §5): real repositories, as they are, moved, and as they must not be. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { RigRef } from "@gastown/protocol";
import { serveHttp } from "./testing/http-remote.ts";
import {
  commitFiles,
  gate,
  gatesRequest,
  git,
  makeFixture,
  mergeRequest,
  NEVER,
  prepareOptions,
  settleOptions,
} from "./testing/fixture.ts";
import type { Fixture } from "./testing/fixture.ts";
import { createGitWorkspace } from "./workspace.ts";

let f: Fixture;
let rig: RigRef;
beforeEach(() => {
  f = makeFixture();
  rig = { ...f.rig, submodules: true };
});
afterEach(() => f.remove());

/** A bare repository with one file; answers its path. */
function library(name: string, files: Record<string, string>): string {
  const [remote, clone] = [join(f.base, `${name}.git`), join(f.base, `${name}-clone`)];
  git(f.base, "init", "--quiet", "--bare", remote);
  git(f.base, "clone", "--quiet", remote, clone);
  commitFiles(clone, files);
  git(clone, "push", "--quiet", "origin", "HEAD:refs/heads/main");
  return remote;
}

/** A person commits in a library and pushes it. */
function libraryCommit(name: string, files: Record<string, string>): void {
  const clone = join(f.base, `${name}-clone`);
  commitFiles(clone, files);
  git(clone, "push", "--quiet", "origin", "HEAD:refs/heads/main");
}

const local = ["-c", "protocol.file.allow=always"];

/** A person changes submodules on main and pushes it. */
function personCommits(...commands: string[][]): string {
  git(f.clone, "fetch", "--quiet", "origin");
  git(f.clone, "checkout", "--quiet", "--force", "--detach", "origin/main");
  for (const command of commands) git(f.clone, ...local, ...command);
  git(f.clone, "commit", "--quiet", "--all", "--allow-empty", "--message", "Change");
  git(f.clone, "push", "--quiet", "origin", "HEAD:refs/heads/main");
  return git(f.clone, "rev-parse", "HEAD");
}

const read = (...path: string[]): string | null =>
  existsSync(join(...path)) ? readFileSync(join(...path), "utf8") : null;

test("without the wish they stay empty", async () => {
  personCommits(["submodule", "--quiet", "add", library("lib", { "lib.txt": "1\n" }), "lib"]);
  const { dir } = await f.workspace.prepareWorktree(prepareOptions(f));
  expect(read(dir, "lib", "lib.txt")).toBeNull();
});

test("are there at their commit, nested ones too, and follow it to a new head", async () => {
  const inner = library("inner", { "inner.txt": "i\n" });
  library("lib", { "lib.txt": "1\n" });
  git(join(f.base, "lib-clone"), ...local, "submodule", "--quiet", "add", inner, "in");
  libraryCommit("lib", {});
  personCommits(["submodule", "--quiet", "add", "../lib.git", "lib"]);
  const { dir } = await f.workspace.prepareWorktree(prepareOptions(f, { rig }));
  expect(read(dir, "lib", "lib.txt")).toBe("1\n");
  expect(read(dir, "lib", "in", "inner.txt")).toBe("i\n");
  expect(git(dir, "status", "--porcelain")).toBe("");
  // What the session left in it goes, what is ignored there stays.
  writeFileSync(join(dir, "lib", "lib.txt"), "changed\n");
  writeFileSync(join(dir, "lib", "untracked.txt"), "x");
  libraryCommit("lib", { "lib.txt": "2\n", ".gitignore": "cache\n" });
  writeFileSync(join(dir, "lib", "cache"), "kept");
  personCommits(["submodule", "--quiet", "update", "--remote", "lib"]);
  const again = await f.workspace.prepareWorktree(prepareOptions(f, { rig }));
  expect(again.dir).toBe(dir);
  expect(read(dir, "lib", "lib.txt")).toBe("2\n");
  expect(read(dir, "lib", "untracked.txt")).toBeNull();
  expect(read(dir, "lib", "cache")).toBe("kept");
  expect(git(dir, "status", "--porcelain")).toBe("");
});

test("that moved between attempts: to another path, to another repository, away, and back as plain files", async () => {
  library("lib", { "lib.txt": "1\n" });
  library("other", { "lib.txt": "other\n" });
  personCommits(["submodule", "--quiet", "add", "--name", "lib", "../lib.git", "lib"]);
  const attempt = async (): Promise<string> => {
    const { dir } = await f.workspace.prepareWorktree(prepareOptions(f, { rig }));
    expect(git(dir, "status", "--porcelain", "--ignored")).toBe("");
    return dir;
  };
  const dir = await attempt();
  personCommits(["mv", "lib", "vendor"]);
  await attempt();
  expect([read(dir, "lib", "lib.txt"), read(dir, "vendor", "lib.txt")]).toEqual([null, "1\n"]);
  personCommits(
    ["config", "--file", ".gitmodules", "submodule.lib.url", "../other.git"],
    ["submodule", "--quiet", "sync"],
    ["-C", "vendor", "fetch", "--quiet", "origin"],
    ["-C", "vendor", "checkout", "--quiet", "--detach", "origin/main"],
  );
  await attempt();
  expect(read(dir, "vendor", "lib.txt")).toBe("other\n");
  personCommits(["rm", "--quiet", "--force", "vendor"]);
  await attempt();
  expect(existsSync(join(dir, "vendor"))).toBe(false);
  personCommits(["submodule", "--quiet", "add", "--force", "--name", "again", "../lib.git", "vendor"]);
  await attempt();
  expect(read(dir, "vendor", "lib.txt")).toBe("1\n");
  git(f.clone, "rm", "--quiet", "--force", "vendor");
  f.personPushes("main", { "vendor/plain.txt": "plain\n" });
  await attempt();
  expect([read(dir, "vendor", "plain.txt"), read(dir, "vendor", "lib.txt")]).toEqual(["plain\n", null]);
});

test("are mended where a clone was cut off", async () => {
  personCommits(["submodule", "--quiet", "add", library("lib", { "lib.txt": "1\n" }), "lib"]);
  const { dir } = await f.workspace.prepareWorktree(prepareOptions(f, { rig }));
  const admin = git(dir, "rev-parse", "--absolute-git-dir");
  writeFileSync(join(admin, "modules", "lib", "HEAD"), "");
  await f.restart().prepareWorktree(prepareOptions(f, { rig }));
  expect(read(dir, "lib", "lib.txt")).toBe("1\n");
});

test("are there for gates, of a head and of a merge", async () => {
  personCommits(["submodule", "--quiet", "add", library("lib", { "lib.txt": "1\n" }), "lib"]);
  const { dir } = await f.workspace.prepareWorktree(prepareOptions(f, { rig }));
  commitFiles(dir, { "a.txt": "a\n" });
  const settled = await f.workspace.settle(settleOptions(f, dir, { rig }));
  expect(settled).toMatchObject({ result: "pushed", committed_dirty: false });
  const head = settled.head_sha ?? "";
  const gates = [gate("there", "cat lib/lib.txt a.txt")];
  const shared = { rig, gates };
  expect(await f.workspace.runGates(gatesRequest(f, head, shared), NEVER)).toMatchObject({
    gates: [{ exit_code: 0, log_tail: "1\na\n" }],
  });
  const merged = await f.workspace.merge(mergeRequest(f, head, shared), () => true, NEVER);
  expect(merged).toMatchObject({ outcome: "merged" });
});

test("a session that goes on keeps what it did in them", async () => {
  personCommits(["submodule", "--quiet", "add", library("lib", { "lib.txt": "1\n" }), "lib"]);
  const { dir } = await f.workspace.prepareWorktree(prepareOptions(f, { rig }));
  writeFileSync(join(dir, "lib", "lib.txt"), "at work\n");
  const kept = await f.workspace.prepareWorktree(prepareOptions(f, { rig, keep: true }));
  expect(kept.kept).toBe(true);
  expect(read(dir, "lib", "lib.txt")).toBe("at work\n");
  // The agent's own git goes on with them, too.
  expect(git(dir, "submodule", "status")).toMatch(/^[0-9a-f]{40} lib/);
});

describe("where the town is not local", () => {
  test("one that is a path of the machine is refused, however it is written", async () => {
    const http = await serveHttp(f.base);
    try {
      const remote = { ...rig, git_url: `${http.origin}/remote.git` };
      const own = createGitWorkspace({ root: f.root, log: () => undefined, gitEnv: {}, allowLocal: false });
      const secret = library("secret", { "secret.txt": "s\n" });
      personCommits(["submodule", "--quiet", "add", secret, "lib"]);
      const urls = [
        secret,
        `file://${secret}`,
        "ext::sh -c id",
        "--upload-pack=id",
        "https://u:p@host/x.git",
      ];
      for (const url of urls) {
        personCommits(["config", "--file", ".gitmodules", "submodule.lib.url", url]);
        const made = own.prepareWorktree(prepareOptions(f, { rig: remote }));
        await expect(made).rejects.toMatchObject({
          failure: { phase: "worktree", code: "not_allowed" },
          code: "repository_unusable",
        });
      }
      // One that lies deeper is met by git itself, which may not use such urls either.
      library("lib", { "lib.txt": "1\n" });
      git(join(f.base, "lib-clone"), ...local, "submodule", "--quiet", "add", `file://${secret}`, "in");
      libraryCommit("lib", {});
      personCommits(
        ["rm", "--quiet", "--force", "lib"],
        ["submodule", "--quiet", "add", "--name", "nested", "../lib.git", "nested"],
      );
      const nested = own.prepareWorktree(prepareOptions(f, { rig: remote }));
      await expect(nested).rejects.toMatchObject({ failure: { phase: "worktree", code: "not_allowed" } });
    } finally {
      await http.close();
    }
  });

  test("one that needs a credential that is not there is told so", async () => {
    const http = await serveHttp(f.base);
    try {
      http.authorize = (path) => !path.includes("/private");
      mkdirSync(join(f.base, "private"));
      const own = createGitWorkspace({ root: f.root, log: () => undefined, gitEnv: {}, allowLocal: false });
      personCommits(
        ["submodule", "--quiet", "add", library("private", { "x.txt": "x\n" }), "lib"],
        ["config", "--file", ".gitmodules", "submodule.lib.url", "../private.git"],
      );
      const remote = { ...rig, git_url: `${http.origin}/remote.git` };
      await expect(own.prepareWorktree(prepareOptions(f, { rig: remote }))).rejects.toMatchObject({
        failure: { phase: "worktree", code: "auth", action: expect.stringContaining("git.submodules") },
      });
    } finally {
      await http.close();
    }
  });
});
