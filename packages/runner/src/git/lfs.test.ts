/**
 * Files that Git LFS keeps, on request (spec/runner.md §5). The program is not ours and not everywhere:
 * where it is missing, only what happens then is tested.
 */
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { RigRef } from "@gastown/protocol";
import {
  gate,
  gatesRequest,
  git,
  makeFixture,
  mergeRequest,
  NEVER,
  prepareOptions,
  saveOptions,
  settleOptions,
} from "./testing/fixture.ts";
import type { Fixture } from "./testing/fixture.ts";
import { createGitWorkspace } from "./workspace.ts";

const path = process.env["PATH"] ?? "";
const installed = path.split(delimiter).some((dir) => existsSync(join(dir, "git-lfs")));

let f: Fixture;
let rig: RigRef;
beforeEach(() => {
  f = makeFixture();
  rig = { ...f.rig, lfs: true };
});
afterEach(() => f.remove());

const FILTER = [
  "filter.lfs.clean=git-lfs clean -- %f",
  "filter.lfs.smudge=git-lfs smudge -- %f",
  "filter.lfs.required=true",
].flatMap((setting) => ["-c", setting]);

/** A person commits a picture that Git LFS keeps, and pushes it with what it keeps. */
function personCommits(content: string, clone = f.clone): string {
  git(clone, "fetch", "--quiet", "origin");
  if (clone === f.clone) git(clone, "checkout", "--quiet", "--force", "--detach", "origin/main");
  writeFileSync(join(clone, ".gitattributes"), "*.bin filter=lfs diff=lfs merge=lfs -text\n");
  writeFileSync(join(clone, "pic.bin"), content);
  git(clone, ...FILTER, "add", "--all");
  git(clone, "commit", "--quiet", "--message", "Picture");
  git(clone, ...FILTER, "lfs", "push", "origin", "HEAD");
  git(clone, "push", "--quiet", "--no-verify", "origin", "HEAD:refs/heads/main");
  return git(clone, "rev-parse", "HEAD");
}

const pointer = /^version https:\/\/git-lfs\.github\.com\/spec\/v1$/m;
const read = (dir: string): string => readFileSync(join(dir, "pic.bin"), "utf8");

/** A clone by somebody else, with everything that the remote has. */
function cloned(ref: string, remote = f.remote): string {
  const dir = join(f.base, `clone-${ref.replaceAll("/", "-")}`);
  git(f.base, "clone", "--quiet", "--no-checkout", remote, dir);
  git(dir, "fetch", "--quiet", "origin", ref);
  git(dir, "checkout", "--quiet", "--detach", "FETCH_HEAD");
  git(dir, ...FILTER, "lfs", "pull");
  return dir;
}

test.skipIf(!installed)(
  "are there, and what a session changes is on the remote (needs git-lfs)",
  async () => {
    personCommits("picture one");
    const without = await f.workspace.prepareWorktree(prepareOptions(f));
    expect(read(without.dir)).toMatch(pointer);
    const { dir } = await f.workspace.prepareWorktree(prepareOptions(f, { rig }));
    expect(read(dir)).toBe("picture one");
    expect(git(dir, "status", "--porcelain")).toBe("");

    writeFileSync(join(dir, "pic.bin"), "picture of a session");
    const saved = await f.workspace.saveWork(saveOptions(f, dir, { rig }));
    expect(read(cloned(saved.workRef ?? ""))).toBe("picture of a session");
    writeFileSync(join(dir, "pic.bin"), "picture two");
    const settled = await f.workspace.settle(settleOptions(f, dir, { rig }));
    expect(settled).toMatchObject({ result: "pushed", committed_dirty: true });
    const head = settled.head_sha ?? "";
    expect(git(f.remote, "cat-file", "blob", `${head}:pic.bin`)).toMatch(pointer);
    expect(read(cloned("gt/toast/1"))).toBe("picture two");

    const shared = { rig, gates: [gate("there", "cat pic.bin")] };
    expect(await f.workspace.runGates(gatesRequest(f, head, shared), NEVER)).toMatchObject({
      gates: [{ exit_code: 0, log_tail: "picture two" }],
    });
    const merged = await f.workspace.merge(mergeRequest(f, head, shared), () => true, NEVER);
    expect(merged).toMatchObject({ outcome: "merged" });
    personCommits("picture three");
    await f.workspace.prepareWorktree(prepareOptions(f, { rig }));
    expect(read(dir)).toBe("picture three");
    // No longer wanted: what stands in the repository is what stands in the worktree.
    await f.workspace.prepareWorktree(prepareOptions(f));
    expect(read(dir)).toMatch(pointer);
    expect(git(dir, "status", "--porcelain")).toBe("");
  },
);

test.skipIf(!installed)(
  "are there inside submodules, too, and what a session changes there is saved (needs git-lfs)",
  async () => {
    const [lib, clone] = [join(f.base, "lib.git"), join(f.base, "lib-clone")];
    git(f.base, "init", "--quiet", "--bare", lib);
    git(f.base, "clone", "--quiet", lib, clone);
    personCommits("picture of the library", clone);
    git(f.clone, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", lib, "lib");
    git(f.clone, "commit", "--quiet", "--all", "--message", "Add lib");
    git(f.clone, "push", "--quiet", "origin", "HEAD:refs/heads/main");
    const wish = { ...rig, submodules: true };
    const { dir } = await f.workspace.prepareWorktree(prepareOptions(f, { rig: wish }));
    expect(read(join(dir, "lib"))).toBe("picture of the library");
    expect(git(dir, "status", "--porcelain")).toBe("");
    writeFileSync(join(dir, "lib", "pic.bin"), "picture of a session");
    const saved = await f.workspace.saveWork(saveOptions(f, dir, { rig: wish }));
    const ref = saved.kept?.[0]?.ref ?? "";
    expect(git(lib, "cat-file", "blob", `${ref}:pic.bin`)).toMatch(pointer);
    expect(read(cloned(ref, lib))).toBe("picture of a session");
  },
);

/** A folder with git and nothing else of it, and what git itself needs. */
function pathWithoutLfs(): string {
  const bin = join(f.base, "bin");
  mkdirSync(bin);
  symlinkSync(
    execFileSync("/bin/sh", ["-c", "command -v git"], { encoding: "utf8" }).trim(),
    join(bin, "git"),
  );
  return bin;
}

test("that nothing is installed for is said, with what to do, and a gate ends as an error", async () => {
  const gitEnv = { PATH: pathWithoutLfs() };
  const own = createGitWorkspace({ root: f.root, log: () => undefined, gitEnv, allowLocal: true });
  await expect(own.prepareWorktree(prepareOptions(f, { rig }))).rejects.toMatchObject({
    code: "repository_unusable",
    failure: {
      phase: "worktree",
      code: "lfs_missing",
      action: "Install git-lfs there, or switch git.lfs off for this rig.",
    },
  });
  const head = f.remoteHead("refs/heads/main") ?? "";
  const run = await own.runGates(gatesRequest(f, head, { rig, gates: [gate("any", "true")] }), NEVER);
  expect(run).toMatchObject({ outcome: "error", message: expect.stringContaining("Install git-lfs") });
  // A rig that does not want it needs it for nothing.
  const { dir } = await own.prepareWorktree(prepareOptions(f));
  expect(existsSync(join(dir, "README.md"))).toBe(true);
});

test("are pushed before the branch that names them, and a refusal keeps the branch where it was", async () => {
  const bin = join(f.base, "bin");
  mkdirSync(bin);
  const calls = join(f.base, "calls");
  // In the place of git-lfs: it notes how it is called, and what the remote had by then.
  writeFileSync(
    join(bin, "git-lfs"),
    `#!/bin/sh\n[ "$1" = push ] || exit 0\necho "$@" $(git --git-dir=${f.remote} rev-parse --verify --quiet gt/toast/1 || echo none) >> ${calls}\n[ ! -e ${f.base}/refuse ] || { echo "batch response: quota exceeded" >&2; exit 2; }\n`,
  );
  chmodSync(join(bin, "git-lfs"), 0o755);
  const gitEnv = { PATH: `${bin}:${path}` };
  const own = createGitWorkspace({ root: f.root, log: () => undefined, gitEnv, allowLocal: true });
  const { dir } = await own.prepareWorktree(prepareOptions(f, { rig }));
  writeFileSync(join(dir, "a.txt"), "a\n");
  writeFileSync(join(f.base, "refuse"), "");
  const refused = await own.settle(settleOptions(f, dir, { rig }));
  expect(refused).toMatchObject({
    result: "push_failed",
    error: { kind: "rejected", message: expect.stringContaining("quota exceeded") },
  });
  expect(f.remoteHead("refs/heads/gt/toast/1")).toBeNull();
  rmSync(join(f.base, "refuse"));
  const settled = await own.settle(settleOptions(f, dir, { rig }));
  expect(settled.result).toBe("pushed");
  const push = `push origin ${settled.head_sha} none`;
  expect(readFileSync(calls, "utf8").trim().split("\n")).toEqual([push, push]);
});
