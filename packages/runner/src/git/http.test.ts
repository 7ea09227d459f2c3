/** The same over smart HTTP, with and without credentials, as forges serve it. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { RigRef } from "@gastown/protocol";
import {
  branchRequest,
  commitFiles,
  git,
  id,
  makeFixture,
  mergeRequest,
  NEVER,
  prepareOptions,
  saveOptions,
  settleOptions,
} from "./testing/fixture.ts";
import type { Fixture } from "./testing/fixture.ts";
import { serveHttp } from "./testing/http-remote.ts";
import type { HttpRemote } from "./testing/http-remote.ts";
import type { GitWorkspace } from "./types.ts";
import { createGitWorkspace } from "./workspace.ts";

const yes = (): boolean => true;
let f: Fixture;
let http: HttpRemote;
let rig: RigRef;
/** Knows no password; paths are not allowed in it. */
let workspace: GitWorkspace;

function workspaceWith(gitEnv: Record<string, string>, folder = "http"): GitWorkspace {
  return createGitWorkspace({ root: join(f.base, folder), log: () => undefined, gitEnv, allowLocal: false });
}

/** Credentials of the host, as a person's git has them. */
function homeWithPassword(): Record<string, string> {
  const file = join(f.base, "credentials");
  writeFileSync(file, `${http.origin.replace("//", "//ann:secret@")}\n`, { mode: 0o600 });
  return {
    GIT_CONFIG_COUNT: "1",
    GIT_CONFIG_KEY_0: "credential.helper",
    GIT_CONFIG_VALUE_0: `store --file=${file}`,
  };
}

beforeEach(async () => {
  f = makeFixture();
  http = await serveHttp(f.base);
  rig = { ...f.rig, git_url: `${http.origin}/remote.git` };
  workspace = workspaceWith({});
});
afterEach(async () => {
  await http.close();
  f.remove();
});

async function workAndLand(own: GitWorkspace): Promise<void> {
  expect(await own.check(rig.git_url, undefined, NEVER)).toMatchObject({ ok: true, default_branch: "main" });
  expect(await own.setupRig(rig, NEVER)).toMatchObject({ outcome: "rig_ready" });
  const { dir } = await own.prepareWorktree(prepareOptions(f, { rig }));
  const head = commitFiles(dir, { "a.txt": "a" });
  writeFileSync(join(dir, "wip.txt"), "wip");
  expect(await own.saveWork(saveOptions(f, dir, { rig }))).toEqual({
    workRef: `refs/gastown/wip/${id("sess", "1")}`,
  });
  git(dir, "clean", "-fdq");
  expect(await own.settle(settleOptions(f, dir, { rig }))).toMatchObject({
    result: "pushed",
    head_sha: head,
  });
  expect(await own.merge(mergeRequest(f, head, { rig }), yes, NEVER)).toMatchObject({
    outcome: "merged",
    already: false,
  });
  expect(await own.merge(mergeRequest(f, head, { rig }), yes, NEVER)).toMatchObject({
    outcome: "merged",
    already: true,
  });
  const gone = branchRequest(f, {
    rig,
    operation: "delete",
    branch: "gt/toast/1",
    from: null,
    expected_head: head,
  });
  expect(await own.branch(gone, NEVER)).toEqual({ outcome: "branch_done", head_sha: null });
  expect(f.remoteHas(head, "refs/heads/main")).toBe(true);
}

test("check, set up, prepare, save, settle, land, delete", () => workAndLand(workspace));

test("the same with a password that the host's git knows; it is in no argument and no file of ours", async () => {
  http.credentials = "ann:secret";
  await workAndLand(workspaceWith(homeWithPassword()));
  expect(() => git(join(f.base, "http"), "grep", "--no-index", "--quiet", "secret")).toThrow(/./);
});

test("401: every call says that the credential is at fault", async () => {
  const { dir } = await workspace.prepareWorktree(prepareOptions(f, { rig }));
  const head = commitFiles(dir, { "a.txt": "a" });
  http.credentials = "ann:secret";
  expect(await workspace.check(rig.git_url, undefined, NEVER)).toMatchObject({ ok: false, problem: "auth" });
  expect(await workspace.setupRig(rig, NEVER)).toMatchObject({ outcome: "rig_broken", problem: "auth" });
  const settled = await workspace.settle(settleOptions(f, dir, { rig }));
  expect(settled).toMatchObject({ result: "push_failed", head_sha: head, error: { kind: "auth" } });
  expect(await workspace.merge(mergeRequest(f, head, { rig }), yes, NEVER)).toMatchObject({
    outcome: "auth",
  });
  expect(await workspace.branch(branchRequest(f, { rig }), NEVER)).toMatchObject({ outcome: "auth" });
  await expect(workspace.saveWork(saveOptions(f, dir, { rig }))).rejects.toMatchObject({
    failure: { code: "auth" },
  });
  const fresh = prepareOptions(f, { rig, slot: id("agent", "2") });
  await expect(workspace.prepareWorktree(fresh)).rejects.toMatchObject({
    failure: { phase: "repository", code: "auth" },
  });
  http.credentials = null;
  expect(await workspace.settle(settleOptions(f, dir, { rig }))).toMatchObject({ result: "pushed" });
});

test("a start point that the mirror has by its id costs no request", async () => {
  const first = await workspace.prepareWorktree(prepareOptions(f, { rig }));
  http.requests.length = 0;
  await workspace.prepareWorktree(
    prepareOptions(f, { rig, branch: "gt/toast/2", startPoint: first.baseSha }),
  );
  expect(http.requests).toEqual([]);
});

test("403 on the push alone: may read, may not write", async () => {
  const { dir } = await workspace.prepareWorktree(prepareOptions(f, { rig }));
  commitFiles(dir, { "a.txt": "a" });
  http.readOnly = true;
  expect(await workspace.settle(settleOptions(f, dir, { rig }))).toMatchObject({
    result: "push_failed",
    error: { kind: "auth" },
  });
  expect(await workspace.branch(branchRequest(f, { rig }), NEVER)).toMatchObject({ outcome: "auth" });
});

test("5xx and a server that is gone: to be tried again", async () => {
  const { dir } = await workspace.prepareWorktree(prepareOptions(f, { rig }));
  const head = commitFiles(dir, { "a.txt": "a" });
  http.status = 503;
  expect(await workspace.settle(settleOptions(f, dir, { rig }))).toMatchObject({
    result: "push_failed",
    error: { kind: "network" },
  });
  expect(await workspace.merge(mergeRequest(f, head, { rig }), yes, NEVER)).toMatchObject({
    outcome: "error",
  });
  await expect(workspace.saveWork(saveOptions(f, dir, { rig }))).rejects.toMatchObject({
    failure: { code: "network" },
  });
  http.status = 404;
  expect(await workspace.check(rig.git_url, undefined, NEVER)).toMatchObject({
    ok: false,
    problem: "unreachable",
  });
});
