/** The target merged into a branch, and such merges known from other pushes (spec/review.md §4.4). */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { EffectOutcome, UpdateBranchRequest } from "@gastown/protocol";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { git, id, makeFixture, NEVER, workBranch } from "./testing/fixture.ts";
import type { Fixture } from "./testing/fixture.ts";

const BRANCH = "gt/toast/1";
const REF = `refs/heads/${BRANCH}`;
let f: Fixture;

beforeEach(() => {
  f = makeFixture();
});
afterEach(() => f.remove());

function update(
  head_sha: string,
  more: Partial<UpdateBranchRequest> = {},
  canPush: () => boolean = () => true,
): Promise<EffectOutcome> {
  const request: UpdateBranchRequest = {
    effect_id: id("eff", "1"),
    attempt: 1,
    rig: f.rig,
    branch: BRANCH,
    target: "main",
    head_sha,
    check_head: null,
    author: { name: "Toast", email: "toast@gastown.invalid" },
    ...more,
  };
  return f.workspace.updateBranch(request, canPush, NEVER);
}

/** A person merges main into the branch by hand, with `change` made before it is committed. */
function personMerges(change: () => void = () => undefined): string {
  git(f.clone, "fetch", "--quiet", "origin");
  git(f.clone, "checkout", "--quiet", "--detach", `origin/${BRANCH}`);
  git(f.clone, "merge", "--quiet", "--no-ff", "--no-commit", "origin/main");
  change();
  git(f.clone, "add", "--all");
  git(f.clone, "commit", "--quiet", "--message", "Merge main");
  git(f.clone, "push", "--quiet", "origin", `HEAD:${REF}`);
  return git(f.clone, "rev-parse", "HEAD");
}

describe("made by the town", () => {
  test("two parents, the branch's own first, and the target's work in it", async () => {
    const head = workBranch(f, { "a.txt": "a" });
    const target = f.personPushes("main", { "m.txt": "m" });
    const outcome = await update(head);
    const made = f.remoteHead(REF);
    expect(outcome).toEqual({ outcome: "branch_updated", head: made });
    expect(git(f.remote, "log", "-1", "--format=%P|%an", String(made))).toBe(`${head} ${target}|Toast`);
    expect(git(f.remote, "ls-tree", "--name-only", String(made)).split("\n")).toContain("m.txt");
  });

  test("a repeat after a lost answer makes nothing more", async () => {
    const head = workBranch(f, { "a.txt": "a" });
    f.personPushes("main", { "m.txt": "m" });
    const first = await update(head);
    expect(await update(head)).toEqual(first);
  });

  test("what contains its target already is left as it is", async () => {
    const head = workBranch(f, { "a.txt": "a" });
    expect(await update(head)).toEqual({ outcome: "branch_updated", head });
    expect(f.remoteHead(REF)).toBe(head);
  });

  test("conflicts are named, and nothing is pushed", async () => {
    const head = workBranch(f, { "README.md": "mine\n" });
    f.personPushes("main", { "README.md": "theirs\n" });
    expect(await update(head)).toEqual({ outcome: "conflict", files: ["README.md"] });
    expect(f.remoteHead(REF)).toBe(head);
  });

  test("is withdrawn before its push", async () => {
    const head = workBranch(f, { "a.txt": "a" });
    f.personPushes("main", { "m.txt": "m" });
    expect(await update(head, {}, () => false)).toEqual({ outcome: "withdrawn" });
    expect(f.remoteHead(REF)).toBe(head);
  });

  test("says which ref is missing", async () => {
    const head = workBranch(f, { "a.txt": "a" });
    expect(await update(head, { target: "gone" })).toEqual({
      outcome: "missing_ref",
      ref: "refs/heads/gone",
    });
  });
});

describe("made by somebody else", () => {
  test("only the target merged in: the head is an update", async () => {
    const reviewed = workBranch(f, { "a.txt": "a" });
    f.personPushes("main", { "m.txt": "m" });
    const head = personMerges();
    expect(await update(reviewed, { check_head: head })).toEqual({ outcome: "branch_updated", head });
  });

  test("a merge with something slipped in is another head", async () => {
    const reviewed = workBranch(f, { "a.txt": "a" });
    f.personPushes("main", { "m.txt": "m" });
    const head = personMerges(() => writeFileSync(join(f.clone, "a.txt"), "evil"));
    expect(await update(reviewed, { check_head: head })).toEqual({ outcome: "head_moved", head });
  });

  test("a commit on top of the reviewed head is another head", async () => {
    const reviewed = workBranch(f, { "a.txt": "a" });
    const head = f.personPushes(BRANCH, { "b.txt": "b" });
    expect(await update(reviewed, { check_head: head })).toEqual({ outcome: "head_moved", head });
  });

  test("a merge of another branch is another head", async () => {
    const reviewed = workBranch(f, { "a.txt": "a" });
    f.personPushes("other", { "o.txt": "o" });
    git(f.clone, "fetch", "--quiet", "origin");
    git(f.clone, "checkout", "--quiet", "--detach", `origin/${BRANCH}`);
    git(f.clone, "merge", "--quiet", "--no-ff", "-m", "Merge other", "origin/other");
    git(f.clone, "push", "--quiet", "origin", `HEAD:${REF}`);
    const head = git(f.clone, "rev-parse", "HEAD");
    expect(await update(reviewed, { check_head: head })).toEqual({ outcome: "head_moved", head });
  });

  test("a check makes nothing, also where the branch is behind", async () => {
    const head = workBranch(f, { "a.txt": "a" });
    f.personPushes("main", { "m.txt": "m" });
    expect(await update(head, { check_head: head })).toEqual({ outcome: "branch_updated", head });
    expect(f.remoteHead(REF)).toBe(head);
  });
});
