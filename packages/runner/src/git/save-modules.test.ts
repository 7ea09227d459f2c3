/** What a session did inside a submodule is saved like the rest (spec/runner.md §5). */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { RigRef } from "@gastown/protocol";
import {
  commitFiles,
  git,
  id,
  makeFixture,
  prepareOptions,
  saveOptions,
  settleOptions,
} from "./testing/fixture.ts";
import type { Fixture } from "./testing/fixture.ts";
import { serveHttp } from "./testing/http-remote.ts";

const SESSION = id("sess", "1");
const NEXT = id("sess", "2");
const WIP = `refs/gastown/wip/${SESSION}`;
const local = ["-c", "protocol.file.allow=always"];
let f: Fixture;
let rig: RigRef;
beforeEach(() => {
  f = makeFixture();
  rig = { ...f.rig, submodules: true };
});
afterEach(() => f.remove());

/** A bare repository with one file; answers its path. */
function library(name: string): string {
  const [remote, clone] = [join(f.base, `${name}.git`), join(f.base, `${name}-clone`)];
  git(f.base, "init", "--quiet", "--bare", remote);
  git(f.base, "clone", "--quiet", remote, clone);
  commitFiles(clone, { [`${name}.txt`]: "1\n" });
  git(clone, "push", "--quiet", "origin", "HEAD:refs/heads/main");
  return remote;
}

/** A person adds it to the repository at the same path as its name. */
function added(name: string, url: string, to = f.clone): void {
  git(to, "fetch", "--quiet", "origin");
  git(to, "checkout", "--quiet", "--force", "--detach", "origin/main");
  git(to, ...local, "submodule", "--quiet", "add", url, name);
  git(to, "commit", "--quiet", "--all", "--message", `Add ${name}`);
  git(to, "push", "--quiet", "origin", "HEAD:refs/heads/main");
}

function refuseWip(remote: string): void {
  const hook = `#!/bin/sh\ncase "$1" in refs/heads/main) ;; *) echo "not here"; exit 1;; esac\n`;
  writeFileSync(join(remote, "hooks", "update"), hook, { mode: 0o755 });
}

const prepared = async (more: Parameters<typeof prepareOptions>[1] = {}): Promise<string> =>
  (await f.workspace.prepareWorktree(prepareOptions(f, { rig, ...more }))).dir;
const save = (dir: string, sessionId = SESSION) =>
  f.workspace.saveWork(saveOptions(f, dir, { rig, sessionId }));
const at = (repository: string, commit: string, path: string): string =>
  git(repository, "show", `${commit}:${path}`);

test("commits and files go to a ref of its own remote, and the next attempt begins with them", async () => {
  const lib = library("lib");
  added("lib", lib);
  const dir = await prepared();
  expect(await save(dir)).toEqual({ workRef: null });
  const head = commitFiles(join(dir, "lib"), { "lib.txt": "committed\n" });
  writeFileSync(join(dir, "lib", "new.txt"), "new\n");
  const before = git(join(dir, "lib"), "status", "--porcelain");
  const kept = [{ submodule: "lib", ref: WIP, bundle: null }];
  expect(await save(dir)).toEqual({ workRef: WIP, kept });
  expect(git(join(dir, "lib"), "status", "--porcelain")).toBe(before);
  expect(git(join(dir, "lib"), "rev-parse", "HEAD")).toBe(head);
  expect([at(lib, WIP, "lib.txt"), at(lib, WIP, "new.txt")]).toEqual(["committed", "new"]);
  expect(git(lib, "rev-parse", `${WIP}^`)).toBe(head);
  expect(git(lib, "log", "-1", "--format=%an", WIP)).toBe("Toast");
  // The same again, after a lost answer.
  const saved = [git(lib, "rev-parse", WIP), f.remoteHead(WIP)];
  expect(await f.restart().saveWork(saveOptions(f, dir, { rig }))).toEqual({ workRef: WIP, kept });
  expect([git(lib, "rev-parse", WIP), f.remoteHead(WIP)]).toEqual(saved);

  const next = await prepared({ slot: id("agent", "2"), branch: "gt/toast/2", startPoint: WIP });
  expect(readFileSync(join(next, "lib", "new.txt"), "utf8")).toBe("new\n");
  expect(await save(next, NEXT)).toEqual({ workRef: null });
  // Whoever begins afresh there has nothing of it.
  const fresh = await prepared({ branch: "gt/toast/3" });
  expect([fresh, existsSync(join(fresh, "lib", "new.txt"))]).toEqual([dir, false]);
  expect(await save(fresh, NEXT)).toEqual({ workRef: null });
});

test("a change of files alone counts, in one that lies in another, too", async () => {
  const inner = library("inner");
  const lib = library("lib");
  added("inner", inner, join(f.base, "lib-clone"));
  added("lib", lib);
  const dir = await prepared();
  writeFileSync(join(dir, "lib", "inner", "inner.txt"), "changed\n");
  expect(await save(dir)).toEqual({
    workRef: WIP,
    kept: [
      { submodule: join("lib", "inner"), ref: WIP, bundle: null },
      { submodule: "lib", ref: WIP, bundle: null },
    ],
  });
  expect(at(inner, WIP, "inner.txt")).toBe("changed");
  expect(git(lib, "rev-parse", `${WIP}:inner`)).toBe(git(inner, "rev-parse", WIP));
  expect(git(f.remote, "rev-parse", `${WIP}:lib`)).toBe(git(lib, "rev-parse", WIP));
  const next = await prepared({ slot: id("agent", "2"), branch: "gt/toast/2", startPoint: WIP });
  expect(readFileSync(join(next, "lib", "inner", "inner.txt"), "utf8")).toBe("changed\n");
});

test("what its other branches hold is saved as well, once", async () => {
  const lib = library("lib");
  added("lib", lib);
  const dir = await prepared();
  const module = join(dir, "lib");
  git(module, "checkout", "--quiet", "-b", "aside");
  const aside = commitFiles(module, { "aside.txt": "a\n" });
  git(module, "checkout", "--quiet", "--detach", "origin/main");
  const ref = `${WIP}-${aside.slice(0, 12)}`;
  const kept = [{ submodule: "lib", ref, bundle: null }];
  expect(await save(dir)).toEqual({ workRef: null, kept });
  expect(git(lib, "rev-parse", ref)).toBe(aside);
  expect(await save(dir)).toEqual({ workRef: null, kept });
  expect(await save(dir, NEXT)).toEqual({ workRef: null });
});

test("two submodules with one remote do not take each other's place there", async () => {
  const lib = library("lib");
  added("lib", lib);
  added("copy", lib);
  const dir = await prepared();
  const heads = ["lib", "copy"].map((name) => commitFiles(join(dir, name), { [`${name}.new`]: name }));
  const saved = await save(dir);
  const refs = (saved.kept ?? []).map(({ ref }) => ref ?? "");
  expect(refs.map((ref) => git(lib, "rev-parse", ref)).toSorted()).toEqual(heads.toSorted());
  expect(await save(dir)).toEqual(saved);
});

test("where its remote refuses it, a bundle holds it, and the next attempt can begin all the same", async () => {
  const lib = library("lib");
  added("lib", lib);
  const dir = await prepared();
  const base = git(join(dir, "lib"), "rev-parse", "HEAD");
  refuseWip(lib);
  const head = commitFiles(join(dir, "lib"), { "lib.txt": "refused\n" });
  // The agent's own commit names what nobody else can have.
  commitFiles(dir, { "a.txt": "a\n" });
  const saved = await save(dir);
  const bundle = saved.kept?.[0]?.bundle ?? "";
  expect(saved).toEqual({ workRef: WIP, kept: [{ submodule: "lib", ref: null, bundle }] });
  expect(git(f.base, "bundle", "list-heads", bundle)).toContain(head);
  git(join(f.base, "lib-clone"), "fetch", "--quiet", bundle, "refs/gastown/*:refs/gastown/*");
  expect(at(join(f.base, "lib-clone"), head, "lib.txt")).toBe("refused");
  expect(git(f.remote, "rev-parse", `${WIP}:lib`)).toBe(base);
  expect(at(f.remote, WIP, "a.txt")).toBe("a");
  expect(await save(dir)).toEqual(saved);
  const next = await prepared({ slot: id("agent", "2"), branch: "gt/toast/2", startPoint: WIP });
  expect(readFileSync(join(next, "lib", "lib.txt"), "utf8")).toBe("1\n");
});

test("while its remote cannot be reached, saving fails and is tried again", async () => {
  added("lib", library("lib"));
  const http = await serveHttp(f.base);
  // This process is the server: git of ours that it waits for must not need it.
  git(f.clone, "config", "--file", ".gitmodules", "submodule.lib.url", `${http.origin}/lib.git`);
  git(f.clone, "commit", "--quiet", "--all", "--message", "Move lib");
  git(f.clone, "push", "--quiet", "origin", "HEAD:refs/heads/main");
  const dir = await prepared();
  writeFileSync(join(dir, "lib", "lib.txt"), "changed\n");
  await http.close();
  await expect(save(dir)).rejects.toMatchObject({ failure: { code: "network" } });
  expect(f.remoteHead(WIP)).toBeNull();
});

test("a head that names what only this machine has is not handed in, nor by the attempt that goes on with it", async () => {
  const lib = library("lib");
  added("lib", lib);
  const dir = await prepared();
  commitFiles(join(dir, "lib"), { "lib.txt": "2\n" });
  const refused = await f.workspace.settle(settleOptions(f, dir, { rig }));
  const error = { kind: "other", message: expect.stringContaining("lib (") };
  expect(refused).toMatchObject({ result: "error", error });
  expect(f.remoteHead("refs/heads/gt/toast/1")).toBeNull();
  await save(dir);
  const slot = { slot: id("agent", "2"), branch: "gt/toast/2" };
  const next = await prepared({ ...slot, startPoint: WIP });
  expect(await f.workspace.settle(settleOptions(f, next, { rig, branch: slot.branch }))).toMatchObject({
    result: "error",
    error,
  });
  // Once a person has published it there, it is.
  git(lib, "update-ref", "refs/heads/published", WIP);
  git(join(next, "lib"), ...local, "fetch", "--quiet", "origin");
  expect(await f.workspace.settle(settleOptions(f, next, { rig, branch: slot.branch }))).toMatchObject({
    result: "pushed",
  });
});

test.each([
  ["moves one that was there", false],
  ["brings one with it", true],
])(
  "a published head of a submodule that %s to what only this machine has is not handed in",
  async (_how, isNew) => {
    const inner = library("inner");
    const lib = library("lib");
    added("inner", inner, join(f.base, "lib-clone"));
    if (!isNew) added("lib", lib);
    const dir = await prepared();
    const module = join(dir, "lib");
    if (isNew) {
      git(dir, ...local, "submodule", "--quiet", "add", lib, "lib");
      git(module, ...local, "submodule", "--quiet", "update", "--init");
    }
    // Its own remote has the library's new head, and nobody the commit that this names.
    const hidden = commitFiles(join(module, "inner"), { "inner.txt": "2\n" });
    commitFiles(module, { "lib.txt": "2\n" });
    git(module, "push", "--quiet", "origin", "HEAD:refs/heads/main");
    git(module, "fetch", "--quiet", "origin");
    expect(await f.workspace.settle(settleOptions(f, dir, { rig }))).toMatchObject({
      result: "error",
      error: { kind: "other", message: expect.stringContaining(`lib/inner (${hidden.slice(0, 8)}`) },
    });
    expect(f.remoteHead("refs/heads/gt/toast/1")).toBeNull();
    git(join(module, "inner"), "push", "--quiet", "origin", "HEAD:refs/heads/main");
    git(join(module, "inner"), "fetch", "--quiet", "origin");
    expect(await f.workspace.settle(settleOptions(f, dir, { rig }))).toMatchObject({ result: "pushed" });
  },
);

test("a repository that lies in the worktree and is no submodule is not handed in", async () => {
  const dir = await prepared();
  git(dir, "clone", "--quiet", library("lib"), "vendored");
  expect(await f.workspace.settle(settleOptions(f, dir, { rig }))).toMatchObject({
    result: "error",
    error: { kind: "other", message: expect.stringContaining("vendored (") },
  });
  expect(f.remoteHead("refs/heads/gt/toast/1")).toBeNull();
});
