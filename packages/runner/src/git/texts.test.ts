/** The small readers and writers of git's texts. */
import { expect, test } from "vitest";
import type { GitResult } from "./git.ts";
import { readWalk } from "./landed.ts";
import { parseMergeTree } from "./merge-commit.ts";
import { refusalReason } from "./push.ts";
import { isFullRef, trackingRef } from "./refs.ts";
import { gitWords, remoteProblem } from "./remote-errors.ts";
import { parseFetchHead, parseLsRemote } from "./remotes.ts";
import { parseStatus } from "./status.ts";
import { mergeMessage, withoutHeadTrailer, withTrailer } from "./trailers.ts";
import { checkGit, judgeGitVersion } from "./version.ts";

const A = "a".repeat(40);
const B = "b".repeat(40);

function said(stderr: string, stdout = ""): GitResult {
  return { ok: false, ended: "exit", code: 128, stdout, stderr };
}

test.each([
  ["fatal: Authentication failed for 'https://example.com/'", "auth"],
  ["fatal: could not read Username for 'https://example.com': terminal prompts disabled", "auth"],
  ["fatal: unable to access 'https://x/': The requested URL returned error: 403", "auth"],
  ["git@example.com: Permission denied (publickey).\nfatal: Could not read from remote repository.", "auth"],
  ["fatal: unable to access 'https://x/': Could not resolve host: x", "network"],
  ["fatal: unable to access 'https://x/': The requested URL returned error: 502", "network"],
  ["fatal: the remote end hung up unexpectedly", "network"],
  ["remote: Repository not found.\nfatal: repository 'https://x/' not found", "not_found"],
  ["fatal: '/x' does not appear to be a git repository", "not_found"],
  ["fatal: couldn't find remote ref refs/heads/x", "missing_ref"],
  ["error: file write error: No space left on device", "disk"],
  ["fatal: something new", "other"],
])("%j is %s", (stderr, problem) => {
  expect(remoteProblem(said(stderr))).toBe(problem);
});

test("git's words without hints and credentials, and never nothing", () => {
  expect(
    gitWords(
      said("hint: try\nfatal: no 'https://a:b@x/'\n\nPlease make sure you have the correct access rights\n"),
    ),
  ).toBe("fatal: no 'https://x/'");
  expect(gitWords(said(""))).not.toBe("");
  expect(gitWords({ ...said(""), ended: "timeout", code: null })).toContain("in time");
});

test.each([
  [
    "!\tx:refs/heads/m\t[remote rejected] (pre-receive hook declined)",
    "[remote rejected] (pre-receive hook declined)\nsecret found",
  ],
  [
    "!\tx:refs/heads/m\t[remote rejected] (protected branch hook declined)",
    "[remote rejected] (protected branch hook declined)\nsecret found",
  ],
  ["!\tx:refs/heads/m\t[rejected] (stale info)", null],
  ["!\tx:refs/heads/m\t[remote rejected] (cannot lock ref 'refs/heads/m': is at 1 but expected 2)", null],
  ["!\tx:refs/heads/m\t[remote rejected] (failed to update ref)", null],
  ["!\tx:refs/heads/m\t[remote rejected] (unpacker error)", null],
  ["*\tx:refs/heads/m\t[new branch]", null],
])("push said %j", (line, reason) => {
  expect(
    refusalReason(said("remote: secret found        \nerror: failed to push", `To x\n${line}\nDone`)),
  ).toBe(reason);
});

test("what remotes list", () => {
  expect(parseLsRemote(`ref: refs/heads/main\tHEAD\n${A}\tHEAD\n${B}\trefs/heads/main\n`)).toEqual({
    heads: new Map([
      ["HEAD", A],
      ["refs/heads/main", B],
    ]),
    headBranch: "main",
  });
  const fetched = `${A}\t\tbranch 'gt/a/1' of x\n${B}\tnot-for-merge\t'refs/gastown/wip/s' of x\n${A}\tnot-for-merge\ttag 'v1' of x\n`;
  expect(parseFetchHead(fetched)).toEqual(
    new Map([
      ["refs/heads/gt/a/1", A],
      ["refs/gastown/wip/s", B],
      ["refs/tags/v1", A],
    ]),
  );
});

test("status", () => {
  const clean = `# branch.oid ${A}\0# branch.head gt/a/1\0`;
  expect(parseStatus(clean)).toEqual({ head: A, branch: "gt/a/1", dirty: false, unmerged: [] });
  expect(parseStatus("# branch.oid (initial)\0# branch.head (detached)\0? new file\0")).toEqual({
    head: null,
    branch: null,
    dirty: true,
    unmerged: [],
  });
  const unmerged = `u UU N... 100644 100644 100644 100644 ${A} ${A} ${B} a file.txt`;
  expect(parseStatus(`${clean}${unmerged}\0`).unmerged).toEqual(["a file.txt"]);
});

test("the two-sided log", () => {
  expect(readWalk(`<\t${A}\t\n>\t${B}\t\n`, B)).toEqual({ ahead: 1, named: null });
  expect(readWalk(`<\t${A}\t${B}\n>\t${B}\t\n`, B)).toEqual({ ahead: 1, named: A });
  expect(readWalk(`>\t${A}\t${B}\n`, B)).toEqual({ ahead: 1, named: null });
  expect(readWalk(`<\t${A}\t1234,${B}\n`, B)).toEqual({ ahead: 0, named: A });
});

test("merge-tree", () => {
  expect(parseMergeTree(`${A}\0`)).toEqual({ tree: A, files: [] });
  expect(parseMergeTree(`${A}\0a\nb\0a\nb\0c\0`)).toEqual({ tree: A, files: ["a\nb", "c"] });
});

test("trailers", () => {
  expect(withTrailer("Subject", "K", "v")).toBe("Subject\n\nK: v\n");
  expect(withTrailer("Key: looks like one", "K", "v")).toBe("Key: looks like one\n\nK: v\n");
  expect(withTrailer("Subject\n\nText: and\nmore text\n", "K", "v")).toBe(
    "Subject\n\nText: and\nmore text\n\nK: v\n",
  );
  expect(withTrailer("Subject\n\nA: b\nC: d\n\n", "K", "v")).toBe("Subject\n\nA: b\nC: d\nK: v\n");
  expect(withoutHeadTrailer("a\n gastown-HEAD : x\nb")).toBe("a\n> gastown-HEAD : x\nb");
  expect(mergeMessage({ subject: "Two\nlines ", body: "" })).toBe("Two lines\n");
});

test("refs", () => {
  expect(trackingRef("refs/heads/a/b")).toBe("refs/remotes/origin/a/b");
  expect(trackingRef("refs/gastown/wip/s")).toBe("refs/remotes/gastown-wip/s");
  expect(trackingRef("refs/pull/1/head")).toBe("refs/remotes/gastown-refs/pull/1/head");
  expect(isFullRef("refs/heads/a")).toBe(true);
  for (const name of [
    "main",
    "refs/heads/a:b",
    "refs/heads/a..b",
    "refs/heads/*",
    "refs/heads/a b",
    "refs/heads/a.lock",
    "+refs/heads/a",
  ]) {
    expect(isFullRef(name)).toBe(false);
  }
});

test("versions of git", async () => {
  expect(judgeGitVersion("git version 2.38.0")).toMatchObject({ ok: true, version: "2.38.0" });
  expect(judgeGitVersion("git version 2.39.5 (Apple Git-154)")).toMatchObject({
    ok: true,
    version: "2.39.5",
  });
  expect(judgeGitVersion("git version 3.0.0")).toMatchObject({ ok: true });
  expect(judgeGitVersion("git version 2.37.9").message).toContain("2.38");
  expect(judgeGitVersion(null)).toMatchObject({ ok: false, version: null });
  expect(await checkGit()).toMatchObject({ ok: true });
});
