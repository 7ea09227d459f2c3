/** Feature branches (spec/town.md §3, §4: "make, push, delete a branch" looks before it acts). */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { BranchRequest, EffectOutcome } from "@gastown/protocol";
import { branchRequest, git, makeFixture, NEVER, prepareOptions } from "./testing/fixture.ts";
import type { Fixture } from "./testing/fixture.ts";

const BRANCH = "refs/heads/convoy/x/1/head";
let f: Fixture;

beforeEach(() => {
  f = makeFixture();
});
afterEach(() => f.remove());

function branch(more: Partial<BranchRequest>): Promise<EffectOutcome> {
  return f.workspace.branch(branchRequest(f, more), NEVER);
}

test("made from a ref, from a plain branch name, and from a commit", async () => {
  const main = f.remoteHead("refs/heads/main") ?? "";
  expect(await branch({})).toEqual({ outcome: "branch_done", head_sha: main });
  expect(f.remoteHead(BRANCH)).toBe(main);
  expect(await branch({ branch: "two", from: "main" })).toEqual({ outcome: "branch_done", head_sha: main });
  expect(await branch({ branch: "three", from: main })).toEqual({ outcome: "branch_done", head_sha: main });
});

test("already there is success, also where both have gone on since", async () => {
  const main = f.remoteHead("refs/heads/main") ?? "";
  await branch({});
  f.personPushes("main", { "m.txt": "m" });
  expect(await branch({})).toEqual({ outcome: "branch_done", head_sha: main });
  const beyond = f.personPushes("convoy/x/1/head", { "c.txt": "c" });
  expect(await branch({})).toEqual({ outcome: "branch_done", head_sha: beyond });
  expect(await branch({ from: main })).toEqual({ outcome: "branch_done", head_sha: beyond });
  expect(f.remoteHead(BRANCH)).toBe(beyond);
});

test("a branch without the commit it was to begin at is another's", async () => {
  const theirs = f.personPushes("convoy/x/1/head", { "c.txt": "c" });
  const from = f.personPushes("main", { "m.txt": "m" });
  expect(await branch({ from })).toMatchObject({ outcome: "rejected" });
  expect(f.remoteHead(BRANCH)).toBe(theirs);
});

test("nothing to begin at", async () => {
  expect(await branch({ from: "refs/heads/none" })).toEqual({
    outcome: "missing_ref",
    ref: "refs/heads/none",
  });
  expect(await branch({ from: "1".repeat(40) })).toEqual({ outcome: "missing_ref", ref: "1".repeat(40) });
  expect(await branch({ from: "-x" })).toMatchObject({ outcome: "missing_ref" });
  expect(await branch({ from: "refs/heads/a:refs/heads/b" })).toMatchObject({ outcome: "missing_ref" });
  expect(await branch({ from: null })).toMatchObject({ outcome: "error" });
});

test("deleted only at the recorded head; gone already is success", async () => {
  const head = f.personPushes("done", { "d.txt": "d" });
  const gone = { operation: "delete" as const, branch: "done", from: null };
  expect(await branch({ ...gone, expected_head: "1".repeat(40) })).toMatchObject({ outcome: "rejected" });
  expect(await branch({ ...gone, expected_head: null })).toMatchObject({ outcome: "error" });
  expect(f.remoteHead("refs/heads/done")).toBe(head);
  expect(await branch({ ...gone, expected_head: head })).toEqual({ outcome: "branch_done", head_sha: null });
  expect(f.remoteHead("refs/heads/done")).toBeNull();
  expect(await branch({ ...gone, expected_head: head })).toEqual({ outcome: "branch_done", head_sha: null });
});

test("the mirror's own branch goes too, unless a worktree stands on it", async () => {
  const head = f.personPushes("done", { "d.txt": "d" });
  const { dir } = await f.workspace.prepareWorktree(
    prepareOptions(f, { branch: "done", startPoint: "refs/heads/done" }),
  );
  const gone = { operation: "delete" as const, branch: "done", from: null, expected_head: head };
  await branch(gone);
  expect(git(dir, "rev-parse", "HEAD")).toBe(head);
  await f.workspace.prepareWorktree(prepareOptions(f, { branch: "next" }));
  await branch(gone);
  expect(git(dir, "branch", "--list", "done")).toBe("");
});

test("saved work is forgotten whatever stands there, and nothing else is taken for it", async () => {
  const head = f.personPushes("done", { "d.txt": "d" });
  const forget = { operation: "forget" as const, from: null, expected_head: null };
  for (const ref of ["refs/gastown/wip/session_1", "refs/heads/gastown-wip/session_1"]) {
    git(f.remote, "update-ref", ref, head);
    expect(await branch({ ...forget, branch: ref })).toEqual({ outcome: "branch_done", head_sha: null });
    expect(f.remoteHead(ref)).toBeNull();
    expect(await branch({ ...forget, branch: ref })).toEqual({ outcome: "branch_done", head_sha: null });
  }
  for (const ref of ["done", "refs/heads/done", "refs/gastown/other"])
    expect(await branch({ ...forget, branch: ref })).toMatchObject({ outcome: "rejected" });
  expect(f.remoteHead("refs/heads/done")).toBe(head);
});

test("a hook refuses", async () => {
  writeFileSync(join(f.remote, "hooks", "update"), "#!/bin/sh\necho 'no such names'\nexit 1\n", {
    mode: 0o755,
  });
  const outcome = await branch({});
  expect(outcome.outcome === "rejected" && outcome.reason).toContain("no such names");
});
