/** Direct landing (spec/review.md §3): every typed outcome, with the git of a real remote. */
import { execFileSync } from "node:child_process";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { EffectOutcome, MergeRequestBody } from "@gastown/protocol";
import { gate, git, makeFixture, mergeRequest, NEVER, once, workBranch } from "./testing/fixture.ts";
import type { Fixture } from "./testing/fixture.ts";

const MAIN = "refs/heads/main";
const yes = (): boolean => true;
let f: Fixture;

beforeEach(() => {
  f = makeFixture();
});
afterEach(() => f.remove());

function merge(head: string, more: Partial<MergeRequestBody> = {}, canPush = yes): Promise<EffectOutcome> {
  return f.workspace.merge(mergeRequest(f, head, more), canPush, NEVER);
}

function commitOf(outcome: EffectOutcome): string {
  if (outcome.outcome !== "merged") throw new Error(`not merged: ${JSON.stringify(outcome)}`);
  return outcome.commit;
}

describe("methods", () => {
  test("merge: two parents, the given message and author", async () => {
    const head = workBranch(f, { "a.txt": "a" });
    const before = f.personPushes("main", { "m.txt": "m" });
    const commit = commitOf(await merge(head));
    expect(f.remoteHead(MAIN)).toBe(commit);
    expect(git(f.remote, "log", "-1", "--format=%P|%an|%cn|%s|%b", commit)).toBe(
      `${before} ${head}|Toast|Toast|Land the work|Because it is reviewed.`,
    );
    expect(git(f.remote, "ls-tree", "--name-only", commit).split("\n")).toEqual([
      ".gitignore",
      "README.md",
      "a.txt",
      "m.txt",
    ]);
  });

  test("merge makes a commit even where the target could simply move on", async () => {
    const head = workBranch(f, { "a.txt": "a" });
    expect(commitOf(await merge(head))).not.toBe(head);
  });

  test("squash: one commit that names the head, and only in its own trailer", async () => {
    workBranch(f, { "a.txt": "a" });
    const head = workBranch(f, { "b.txt": "b" });
    const before = f.remoteHead(MAIN);
    const body = "Text.\n\nGastown-Head: 1111\nCo-authored-by: M <m@example.com>";
    const commit = commitOf(
      await merge(head, { method: "squash", message: { subject: "Squash\nit", body } }),
    );
    expect(
      git(f.remote, "log", "-1", "--format=%P|%s|%(trailers:key=Gastown-Head,valueonly)", commit).trim(),
    ).toBe(`${before}|Squash it|${head}`);
    expect(git(f.remote, "log", "-1", "--format=%(trailers:only)", commit)).toBe(`Gastown-Head: ${head}`);
  });

  test("rebase: each commit again, authors kept, the last one names the head", async () => {
    workBranch(f, { "a.txt": "a" });
    const head = workBranch(f, { "b.txt": "b" });
    const before = f.personPushes("main", { "m.txt": "m" });
    const commit = commitOf(await merge(head, { method: "rebase" }));
    const log = git(
      f.remote,
      "log",
      "--reverse",
      "--format=%an|%cn|%s|%(trailers:key=Gastown-Head,valueonly,separator=)",
      `${before}..${commit}`,
    );
    expect(log).toBe(`Ann|Toast|Do the work|\nAnn|Toast|Do the work|${head}`);
    expect(git(f.remote, "log", "-1", "--format=%ad", commit)).toBe(
      git(f.remote, "log", "-1", "--format=%ad", head),
    );
  });

  test("rebase of commits that need no replaying takes them as they are", async () => {
    const head = workBranch(f, { "a.txt": "a" });
    expect(commitOf(await merge(head, { method: "rebase" }))).toBe(head);
  });

  test("rebase of what the target has by other commits still leaves a proof", async () => {
    const head = workBranch(f, { "a.txt": "a" });
    f.personPushes("main", { "a.txt": "a" });
    const commit = commitOf(await merge(head, { method: "rebase" }));
    expect(await merge(head, { method: "rebase" })).toEqual({ outcome: "merged", commit, already: true });
  });
});

describe("landed", () => {
  test.each(["merge", "squash", "rebase"] as const)(
    "%s: a repeat lands nothing again, nor after later commits",
    async (method) => {
      const head = workBranch(f, { "a.txt": "a" });
      f.personPushes("main", { "m.txt": "m" });
      const commit = commitOf(await merge(head, { method }));
      const repeat = { outcome: "merged", commit, already: true };
      expect(await merge(head, { method })).toEqual(repeat);
      const later = f.personPushes("main", { "later.txt": "l" });
      expect(await merge(head, { method })).toEqual(repeat);
      git(f.remote, "update-ref", "-d", "refs/heads/gt/toast/1");
      expect(await f.restart().merge(mergeRequest(f, head, { method }), yes, NEVER)).toEqual(repeat);
      expect(f.remoteHead(MAIN)).toBe(later);
    },
  );

  test.each(["merge", "squash", "rebase"] as const)(
    "%s: what a person reverted is not landed again",
    async (method) => {
      const head = workBranch(f, { "a.txt": "a" });
      const commit = commitOf(await merge(head, { method }));
      const reverted = f.personPushes("main", { "a.txt": null }, "Revert the work");
      expect(await merge(head, { method })).toEqual({ outcome: "merged", commit, already: true });
      expect(f.remoteHead(MAIN)).toBe(reverted);
    },
  );

  test("a workspace that never saw the commits finds the proof, the branch being gone", async () => {
    const head = workBranch(f, { "a.txt": "a" });
    const commit = commitOf(await merge(head, { method: "squash" }));
    git(f.remote, "update-ref", "-d", "refs/heads/gt/toast/1");
    const other = { ...f.rig, id: f.rig.id.replace(/1$/, "2") };
    expect(await merge(head, { rig: other })).toEqual({ outcome: "merged", commit, already: true });
  });

  test("the trailer of another head proves nothing", async () => {
    const head = workBranch(f, { "a.txt": "a" });
    const other = "1".repeat(40);
    f.personPushes("main", { "m.txt": "m" }, `Not it\n\nGastown-Head: ${other}`);
    f.personPushes("main", { "n.txt": "n" }, `Gastown-Head: ${head}\n\nNot a trailer but a subject`);
    expect(await merge(head)).toMatchObject({ outcome: "merged", already: false });
  });
});

describe("what keeps it from landing", () => {
  test("the branch moved or is gone, the target is gone", async () => {
    const head = workBranch(f, { "a.txt": "a" });
    const moved = workBranch(f, { "b.txt": "b" });
    const before = f.remoteHead(MAIN);
    expect(await merge(head)).toEqual({ outcome: "head_moved", head: moved });
    expect(await merge(moved, { branch: "none" })).toEqual({
      outcome: "missing_ref",
      ref: "refs/heads/none",
    });
    expect(await merge(moved, { target: "none" })).toEqual({
      outcome: "missing_ref",
      ref: "refs/heads/none",
    });
    expect(f.remoteHead(MAIN)).toBe(before);
  });

  test.each(["merge", "squash", "rebase"] as const)("%s: conflicts name their files", async (method) => {
    const head = workBranch(f, { "README.md": "ours", "ä b.txt": "ours", "fine.txt": "f" });
    const before = f.personPushes("main", { "README.md": "theirs", "ä b.txt": "theirs" });
    const outcome = await merge(head, { method });
    expect(outcome.outcome === "conflict" ? outcome.files.toSorted() : outcome).toEqual([
      "README.md",
      "ä b.txt",
    ]);
    expect(f.remoteHead(MAIN)).toBe(before);
    expect(readdirSync(join(f.root, "scratch"))).toEqual([]);
  });

  test("a hook refuses", async () => {
    const head = workBranch(f, { "a.txt": "a" });
    writeFileSync(join(f.remote, "hooks", "update"), "#!/bin/sh\necho 'main is protected'\nexit 1\n", {
      mode: 0o755,
    });
    const outcome = await merge(head);
    expect(outcome).toMatchObject({ outcome: "rejected" });
    expect(outcome.outcome === "rejected" && outcome.reason).toContain("main is protected");
  });

  test("withdrawn right before its push", async () => {
    const head = workBranch(f, { "a.txt": "a" });
    const before = f.remoteHead(MAIN);
    expect(await merge(head, {}, () => false)).toEqual({ outcome: "withdrawn" });
    expect(f.remoteHead(MAIN)).toBe(before);
  });

  test("a remote that is gone is an error to be tried again", async () => {
    const rig = { ...f.rig, git_url: join(f.base, "nowhere.git") };
    expect(await merge("1".repeat(40), { rig })).toMatchObject({ outcome: "error" });
    expect(await merge("1".repeat(40), { rig: { ...f.rig, git_url: "ext::sh -c x" } })).toMatchObject({
      outcome: "error",
    });
  });
});

describe("races", () => {
  /** A person pushes to main right before our push, as often as wanted. */
  function racing(times: number): () => boolean {
    let left = times;
    return () => {
      if (left > 0) f.personPushes("main", { [`race-${left}.txt`]: "r" });
      left -= 1;
      return true;
    };
  }

  test.each(["merge", "squash", "rebase"] as const)(
    "%s: a lost race repeats on the new head",
    async (method) => {
      const head = workBranch(f, { "a.txt": "a" });
      const commit = commitOf(await merge(head, { method }, racing(5)));
      expect(git(f.remote, "ls-tree", "--name-only", commit).split("\n")).toEqual(
        expect.arrayContaining(["a.txt", "race-1.txt", "race-5.txt"]),
      );
      expect(f.events.filter((event) => event.event === "merge_race")).toHaveLength(5);
    },
  );

  test("six lost in a row are enough", async () => {
    const head = workBranch(f, { "a.txt": "a" });
    expect(await merge(head, {}, racing(6))).toEqual({ outcome: "race_lost" });
    expect(f.remoteHas(head, MAIN)).toBe(false);
  });

  test("the target is rewound under us: our push does not bring the old commits back", async () => {
    const begin = f.remoteHead(MAIN) ?? "";
    f.personPushes("main", { "secret.txt": "s" });
    const head = workBranch(f, { "a.txt": "a" });
    git(f.clone, "push", "--quiet", "--force", "origin", `${begin}:refs/heads/gt/toast/2`);
    let rewound = false;
    const rewind = (): boolean => {
      if (!rewound) git(f.clone, "push", "--quiet", "--force", "origin", `${begin}:refs/heads/main`);
      rewound = true;
      return true;
    };
    const commit = commitOf(await merge(head, { method: "squash" }, rewind));
    expect(git(f.remote, "rev-parse", `${commit}^`)).toBe(begin);
  });

  test("the branch moves while its merge is under way", async () => {
    const head = workBranch(f, { "a.txt": "a" });
    let moved = "";
    const move = (): boolean => {
      if (moved === "") {
        moved = workBranch(f, { "b.txt": "b" });
        f.personPushes("main", { "m.txt": "m" });
      }
      return true;
    };
    expect(await merge(head, {}, move)).toEqual({ outcome: "head_moved", head: moved });
  });

  test("two workspaces at once land it once", async () => {
    const head = workBranch(f, { "a.txt": "a" });
    const other = { ...f.rig, id: f.rig.id.replace(/1$/, "2") };
    const both = await Promise.all([merge(head), merge(head, { rig: other })]);
    expect(new Set(both.map(commitOf)).size).toBe(1);
    expect(git(f.remote, "log", "--merges", "--format=%s", MAIN)).toBe("Land the work");
  });

  test("eight merges into one target at once all land", async () => {
    const heads = Array.from({ length: 8 }, (_, n) => workBranch(f, { [`${n}.txt`]: "x" }, `gt/a/${n}`));
    const outcomes = await Promise.all(heads.map((head, n) => merge(head, { branch: `gt/a/${n}` })));
    expect(new Set(outcomes.map(commitOf)).size).toBe(8);
    expect(f.events).toEqual([]);
    for (const head of heads) expect(f.remoteHas(head, MAIN)).toBe(true);
  });
});

describe("answers that are lost", () => {
  const withWrapper = (wrapper: (base: string) => string): void => {
    f.remove();
    f = makeFixture({ wrapper });
  };

  test("the push arrived: merged", async () => {
    withWrapper((base) => once(base, "push", `"$REAL" "$@" >/dev/null 2>&1\nexit 128`));
    const head = workBranch(f, { "a.txt": "a" });
    expect(await merge(head)).toEqual({ outcome: "merged", commit: f.remoteHead(MAIN), already: false });
  });

  test("the push did not arrive: again", async () => {
    withWrapper((base) => once(base, "push", "exit 128"));
    const head = workBranch(f, { "a.txt": "a" });
    expect(await merge(head)).toEqual({ outcome: "merged", commit: f.remoteHead(MAIN), already: false });
  });

  test("it arrived, and somebody pushed on top before we read back: merged, once", async () => {
    const onTop = (base: string): string =>
      once(
        base,
        "push",
        `"$REAL" "$@" >/dev/null 2>&1\nenv -i PATH="$PATH" ${base}/on-top >/dev/null 2>&1\nexit 128`,
      );
    withWrapper(onTop);
    const script = `#!/bin/sh\ncd ${f.clone} && git fetch -q && git checkout -q --detach origin/main && git -c user.name=a -c user.email=a@b commit -q --allow-empty -m top && git push -q origin HEAD:refs/heads/main\n`;
    writeFileSync(join(f.base, "on-top"), script, { mode: 0o755 });
    const head = workBranch(f, { "a.txt": "a" });
    const commit = commitOf(await merge(head));
    expect(git(f.remote, "log", "-2", "--format=%s", MAIN)).toBe("top\nLand the work");
    expect(git(f.remote, "rev-parse", "main^")).toBe(commit);
  });
});

describe("gates on the merged tree", () => {
  test("green: they saw the merged tree and their own environment", async () => {
    const head = workBranch(f, { "a.txt": "a" });
    f.personPushes("main", { "m.txt": "m" });
    const gates = [
      gate("both", 'test -e a.txt && test -e m.txt && test "$WORD" = hello && test -z "$GIT_DIR$GASTOWN_X"'),
    ];
    expect(await merge(head, { gates, env: { WORD: "hello" } })).toMatchObject({
      outcome: "merged",
      already: false,
    });
    expect(readdirSync(join(f.root, "scratch"))).toEqual([]);
    expect(readdirSync(join(f.root, "mirrors", `${f.rig.id}.git`, "worktrees"))).toEqual([]);
  });

  test("red by the work, red by the target alone, and one that is not required", async () => {
    const head = workBranch(f, { "bad.txt": "b" });
    const before = f.remoteHead(MAIN);
    const gates = [
      gate("work", "echo looking; ! test -e bad.txt"),
      gate("style", "exit 3", { required: false }),
    ];
    const red = await merge(head, { gates });
    expect(red).toMatchObject({ outcome: "gates_failed", target_red: false });
    expect(
      red.outcome === "gates_failed" &&
        red.gates.map((result) => [result.name, result.exit_code, result.log_tail]),
    ).toEqual([
      ["work", 1, "looking\n"],
      ["style", 3, ""],
    ]);
    expect(await merge(head, { gates: [gate("always", "false")] })).toMatchObject({
      outcome: "gates_failed",
      target_red: true,
    });
    expect(await merge(head, { gates: [...gates, gate("always", "false")] })).toMatchObject({
      target_red: false,
    });
    expect(f.remoteHead(MAIN)).toBe(before);
    expect(await merge(head, { gates: [gate("style", "exit 3", { required: false })] })).toMatchObject({
      outcome: "merged",
    });
  });

  test("the target's head alone is tried once", async () => {
    const head = workBranch(f, { "a.txt": "a" });
    const count = join(f.base, "count");
    const gates = [gate("count", `echo run >> ${count}; false`)];
    await merge(head, { gates });
    await merge(head, { gates });
    expect(execFileSync("cat", [count], { encoding: "utf8" })).toBe("run\nrun\nrun\n");
  });

  test("they run again on the new head after a lost race", async () => {
    const head = workBranch(f, { "a.txt": "a" });
    let raced = false;
    const race = (): boolean => {
      if (!raced) f.personPushes("main", { "poison.txt": "p" });
      raced = true;
      return true;
    };
    const gates = [gate("poison", "! test -e poison.txt")];
    expect(await merge(head, { gates }, race)).toMatchObject({ outcome: "gates_failed", target_red: true });
    expect(f.remoteHas(head, MAIN)).toBe(false);
  });
});
