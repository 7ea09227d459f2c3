/** What becomes of a session's work (spec/review.md §1, spec/runner.md §5). */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { commitFiles, git, makeFixture, once, prepareOptions, settleOptions } from "./testing/fixture.ts";
import type { Fixture } from "./testing/fixture.ts";

const BRANCH = "refs/heads/gt/toast/1";
let f: Fixture;
let dir: string;

async function begin(fixture: Fixture, startPoint = "refs/heads/main"): Promise<void> {
  f = fixture;
  ({ dir } = await f.workspace.prepareWorktree(prepareOptions(f, { startPoint })));
}

afterEach(() => f.remove());

describe("a first push", () => {
  beforeEach(() => begin(makeFixture()));

  test("commits of the agent are pushed and counted", async () => {
    const base = f.remoteHead("refs/heads/main");
    commitFiles(dir, { "a.txt": "a\nb\n" });
    const head = commitFiles(dir, { "README.md": "one\n" });
    const told: string[] = [];
    const result = await f.workspace.settle(settleOptions(f, dir, { onCommitted: (sha) => told.push(sha) }));
    expect(result).toEqual({
      result: "pushed",
      branch: "gt/toast/1",
      base_sha: base,
      head_sha: head,
      commits: 2,
      additions: 2,
      deletions: 4,
      committed_dirty: false,
      error: null,
    });
    expect(told).toEqual([head]);
    expect(f.remoteHead(BRANCH)).toBe(head);
  });

  test("a dirty tree is committed as the agent, with the model's part", async () => {
    writeFileSync(join(dir, "left.txt"), "left behind\n");
    const coauthor = "Model One <model@example.com>";
    const message = "Finish the work\nGastown-Head: forged";
    const result = await f.workspace.settle(settleOptions(f, dir, { coauthor, message }));
    expect(result).toMatchObject({ result: "pushed", commits: 1, committed_dirty: true });
    const shown = git(f.remote, "log", "-1", "--format=%an <%ae>|%cn|%(trailers:only)|%B", BRANCH);
    expect(shown).toContain(
      "Toast <toast@gastown.invalid>|Toast|Co-authored-by: Model One <model@example.com>",
    );
    expect(shown).toContain("> Gastown-Head: forged");
    expect(git(dir, "status", "--porcelain")).toBe("");
  });

  test("hooks that an agent's tools installed do not run in ours", async () => {
    const hooks = join(f.base, "hooks");
    mkdirSync(hooks);
    for (const hook of ["pre-commit", "post-commit", "pre-push", "reference-transaction"]) {
      writeFileSync(join(hooks, hook), `#!/bin/sh\necho ${hook} >> ${f.base}/ran\nexit 1\n`, { mode: 0o755 });
    }
    git(dir, "config", "core.hooksPath", hooks);
    writeFileSync(join(dir, "left.txt"), "left behind\n");
    expect((await f.workspace.settle(settleOptions(f, dir))).result).toBe("pushed");
    expect(existsSync(join(f.base, "ran"))).toBe(false);
  });

  test("nothing to push, and with work that is said to be none", async () => {
    const head = git(dir, "rev-parse", "HEAD");
    expect(await f.workspace.settle(settleOptions(f, dir))).toMatchObject({
      result: "nothing_to_push",
      head_sha: head,
      commits: 0,
    });
    expect(await f.workspace.settle(settleOptions(f, dir, { noChanges: true }))).toMatchObject({
      result: "nothing_to_push",
    });
    writeFileSync(join(dir, "left.txt"), "left behind\n");
    expect(await f.workspace.settle(settleOptions(f, dir, { noChanges: true }))).toMatchObject({
      result: "changes_present",
    });
    expect(git(dir, "status", "--porcelain")).toBe("?? left.txt");
    commitFiles(dir, {});
    expect(await f.workspace.settle(settleOptions(f, dir, { noChanges: true }))).toMatchObject({
      result: "changes_present",
      commits: 1,
    });
    expect(f.remoteHead(BRANCH)).toBeNull();
  });

  test("the same again after a lost answer, and more commits later", async () => {
    commitFiles(dir, { "a.txt": "a" });
    const first = await f.workspace.settle(settleOptions(f, dir));
    expect(await f.restart().settle(settleOptions(f, dir))).toEqual(first);
    const head = commitFiles(dir, { "b.txt": "b" });
    expect(await f.workspace.settle(settleOptions(f, dir))).toMatchObject({
      result: "pushed",
      commits: 2,
      head_sha: head,
    });
  });

  test("a branch of that name is not overwritten; the agent gets the head to merge", async () => {
    commitFiles(dir, { "a.txt": "a" });
    const theirs = f.personPushes("gt/toast/1", { "b.txt": "b" });
    expect(await f.workspace.settle(settleOptions(f, dir))).toMatchObject({
      result: "branch_moved",
      head_sha: theirs,
    });
    expect(f.remoteHead(BRANCH)).toBe(theirs);
    git(dir, "merge", "--quiet", "--no-edit", theirs);
    expect(await f.workspace.settle(settleOptions(f, dir))).toMatchObject({ result: "pushed" });
  });

  test("nor is an older head put back, which a lease alone would allow", async () => {
    const older = commitFiles(dir, { "a.txt": "a" });
    const newer = commitFiles(dir, { "b.txt": "b" });
    await f.workspace.settle(settleOptions(f, dir));
    git(dir, "reset", "--quiet", "--hard", older);
    expect(await f.workspace.settle(settleOptions(f, dir))).toMatchObject({
      result: "branch_moved",
      head_sha: newer,
    });
    expect(f.remoteHead(BRANCH)).toBe(newer);
  });

  test("a commit that carries the runner's own trailer is refused, one that came with the target is not", async () => {
    f.personPushes("main", { "m.txt": "m" }, "Squashed\n\nGastown-Head: 1234");
    git(dir, "fetch", "--quiet", "origin");
    git(dir, "merge", "--quiet", "origin/main");
    commitFiles(dir, { "a.txt": "a" });
    expect(await f.workspace.settle(settleOptions(f, dir))).toMatchObject({ result: "pushed" });
    commitFiles(dir, { "b.txt": "b" }, "Sly\n\nGastown-Head: 1234");
    const result = await f.workspace.settle(settleOptions(f, dir));
    expect(result).toMatchObject({ result: "error", error: { kind: "trailer" } });
    expect(f.remoteHead(BRANCH)).not.toBe(result.head_sha);
  });

  test("half-done operations are the agent's to finish", async () => {
    const theirs = f.personPushes("other", { "README.md": "theirs" });
    git(dir, "fetch", "--quiet", "origin");
    commitFiles(dir, { "README.md": "ours" });
    expect(() => git(dir, "merge", theirs)).toThrow(/./);
    const conflicts = await f.workspace.settle(settleOptions(f, dir));
    expect(conflicts.error?.message).toContain("README.md");
    git(dir, "merge", "--abort");
    expect(() => git(dir, "rebase", theirs)).toThrow(/./);
    writeFileSync(join(dir, "README.md"), "both");
    git(dir, "add", "README.md");
    expect((await f.workspace.settle(settleOptions(f, dir))).error?.message).toContain("rebase");
    expect(f.remoteHead(BRANCH)).toBeNull();
  });

  test("the target has gone on, and is not on the remote at all", async () => {
    commitFiles(dir, { "a.txt": "a" });
    const main = f.personPushes("main", { "m.txt": "m" });
    expect(await f.workspace.settle(settleOptions(f, dir))).toMatchObject({
      result: "pushed",
      commits: 1,
      additions: 1,
      base_sha: main,
    });
    expect(await f.workspace.settle(settleOptions(f, dir, { target: "none" }))).toMatchObject({
      result: "error",
      error: { kind: "other" },
    });
  });

  test("a remote that refuses says why, one that is gone fails", async () => {
    commitFiles(dir, { "a.txt": "a" });
    writeFileSync(join(f.remote, "hooks", "pre-receive"), "#!/bin/sh\necho 'a secret was found'\nexit 1\n", {
      mode: 0o755,
    });
    const refused = await f.workspace.settle(settleOptions(f, dir));
    expect(refused).toMatchObject({ result: "push_failed", error: { kind: "rejected" } });
    expect(refused.error?.message).toContain("a secret was found");
    git(f.base, "clone", "--quiet", "--bare", f.remote, "elsewhere.git");
    const moved = { ...f.rig, git_url: join(f.base, "nowhere.git") };
    expect(await f.workspace.settle(settleOptions(f, dir, { rig: moved }))).toMatchObject({
      result: "error",
      head_sha: git(dir, "rev-parse", "HEAD"),
    });
  });
});

describe("a fix bead", () => {
  let start: string;
  beforeEach(async () => {
    const fixture = makeFixture();
    start = fixture.personPushes("gt/toast/1", { "a.txt": "a" });
    await begin(fixture, "refs/heads/gt/toast/1");
  });

  test("needs commits beyond the head that it began from", async () => {
    expect(await f.workspace.settle(settleOptions(f, dir, { startHead: start }))).toMatchObject({
      result: "nothing_to_push",
    });
    const head = commitFiles(dir, { "b.txt": "b" });
    const result = await f.workspace.settle(settleOptions(f, dir, { startHead: start }));
    expect(result).toMatchObject({ result: "pushed", commits: 1, base_sha: start });
    expect(f.remoteHead(BRANCH)).toBe(head);
  });

  test("rewrites only where that is allowed, and only what it knew", async () => {
    f.personPushes("main", { "m.txt": "m" });
    git(dir, "fetch", "--quiet", "origin");
    git(dir, "rebase", "--quiet", "origin/main");
    const options = settleOptions(f, dir, { startHead: start });
    expect(await f.workspace.settle(options)).toMatchObject({ result: "branch_moved", head_sha: start });
    expect(await f.workspace.settle({ ...options, allowRewrite: true })).toMatchObject({ result: "pushed" });
    expect(f.remoteHead(BRANCH)).toBe(git(dir, "rev-parse", "HEAD"));
    git(dir, "commit", "--quiet", "--amend", "--message", "Reworded");
    expect(await f.workspace.settle({ ...options, allowRewrite: true })).toMatchObject({ result: "pushed" });
    const theirs = f.personPushes("gt/toast/1", { "theirs.txt": "t" });
    git(dir, "commit", "--quiet", "--amend", "--message", "Again");
    expect(await f.workspace.settle({ ...options, allowRewrite: true })).toMatchObject({
      result: "branch_moved",
      head_sha: theirs,
    });
    expect(f.remoteHead(BRANCH)).toBe(theirs);
  });
});

describe("races and lost answers", () => {
  test("somebody pushes between our read and our push", async () => {
    const race = (base: string): string =>
      once(
        base,
        "push",
        `env -i PATH="$PATH" "$REAL" -C ${base}/clone push -q origin HEAD:refs/heads/gt/toast/1`,
      );
    await begin(makeFixture({ wrapper: race }));
    const theirs = commitFiles(f.clone, { "t.txt": "t" });
    commitFiles(dir, { "a.txt": "a" });
    expect(await f.workspace.settle(settleOptions(f, dir))).toMatchObject({
      result: "branch_moved",
      head_sha: theirs,
    });
    expect(f.remoteHead(BRANCH)).toBe(theirs);
    git(dir, "merge", "--quiet", "--no-edit", theirs);
    expect((await f.workspace.settle(settleOptions(f, dir))).result).toBe("pushed");
  });

  test("the push arrives and its answer does not", async () => {
    const lost = (base: string): string =>
      once(
        base,
        "push",
        // Without our settings git notes nothing of the push in the mirror, as when it is killed.
        `GIT_CONFIG_COUNT=0 "$REAL" "$@" >/dev/null 2>&1\necho 'fatal: the remote end hung up unexpectedly' >&2\nexit 128`,
      );
    await begin(makeFixture({ wrapper: lost }));
    const head = commitFiles(dir, { "a.txt": "a" });
    expect(await f.workspace.settle(settleOptions(f, dir))).toMatchObject({
      result: "pushed",
      head_sha: head,
    });
    expect(git(dir, "rev-parse", "refs/remotes/origin/gt/toast/1")).toBe(head);
    await f.workspace.prepareWorktree(prepareOptions(f, { branch: "gt/toast/2" }));
  });

  test("the push does not arrive, and is tried again", async () => {
    const broken = (base: string): string =>
      once(base, "push", `echo 'fatal: the remote end hung up unexpectedly' >&2\nexit 128`);
    await begin(makeFixture({ wrapper: broken }));
    commitFiles(dir, { "a.txt": "a" });
    expect((await f.workspace.settle(settleOptions(f, dir))).result).toBe("pushed");
  });

  test("a connection that stays broken is no refusal, and the work is committed", async () => {
    const broken = (): string =>
      `case "$1" in push|ls-remote) echo 'fatal: unable to access: Could not resolve host: x' >&2; exit 128;; esac`;
    await begin(makeFixture({ wrapper: broken }));
    writeFileSync(join(dir, "left.txt"), "left behind\n");
    const result = await f.workspace.settle(settleOptions(f, dir));
    expect(result).toMatchObject({
      result: "push_failed",
      committed_dirty: true,
      error: { kind: "network" },
    });
    expect(result.head_sha).toBe(git(dir, "rev-parse", "HEAD"));
  });
});
