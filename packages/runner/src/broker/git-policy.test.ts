import { describe, expect, it } from "vitest";
import { judgeCommand, judgePush, parseGit } from "./git-policy.ts";

const place = {
  branch: "gt/toast/1",
  current: "gt/toast/1",
  remotes: ["origin", "https://git.example/a.git"],
};
const push = (line: string, more: object = {}): string => {
  const verdict = judgePush(line.split(" ").filter(Boolean), { ...place, ...more });
  return verdict.allowed ? "allowed" : verdict.message;
};

describe("git push", () => {
  it.each([
    "origin HEAD",
    "origin @",
    "origin gt/toast/1",
    "origin HEAD:gt/toast/1",
    "origin HEAD:refs/heads/gt/toast/1",
    "-u origin gt/toast/1",
    "-uq --progress origin HEAD",
    "--set-upstream origin gt/toast/1:gt/toast/1",
    "https://git.example/a.git HEAD:refs/heads/gt/toast/1",
    "--dry-run origin abc123:refs/heads/gt/toast/1",
  ])("%s is the session's own branch", (line) => {
    expect(push(line)).toBe("allowed");
  });

  it.each([
    ["origin main", /own branch only, not "main"/],
    ["origin HEAD:main", /own branch only/],
    ["origin HEAD:refs/heads/main", /own branch only/],
    ["origin gt/toast/1:refs/heads/gt/other/2", /own branch only/],
    ["origin HEAD gt/other/2", /own branch only/],
    ["origin refs/heads/*:refs/heads/*", /own branch only/],
    ["origin tag v1", /own branch only/],
    ["origin v1:refs/tags/v1", /own branch only/],
    ["origin :gt/toast/1", /own branch only/],
    ["origin :", /own branch only/],
    ["origin +gt/toast/1", /by force/],
    ["origin +HEAD:refs/heads/gt/toast/1", /by force/],
    ["-f origin HEAD", /by force/],
    ["-uf origin HEAD", /by force/],
    ["--force origin HEAD", /by force/],
    ["--force-with-lease origin HEAD", /by force/],
    ["--force-with-lease=gt/toast/1:abc origin HEAD", /by force/],
    ["--mirror origin", /by force/],
    ["--delete origin gt/toast/1", /deletes branches/],
    ["-d origin gt/toast/1", /deletes branches/],
    ["-o merge_request.create origin HEAD", /opens and merges pull requests itself/],
    ["--push-option=merge_request.create origin HEAD", /opens and merges pull requests itself/],
    ["--all origin", /not open here/],
    ["--tags origin HEAD", /not open here/],
    ["--follow-tags origin HEAD", /not open here/],
    ["--receive-pack=evil origin HEAD", /not open here/],
    ["--repo=elsewhere", /not open here/],
    ["", /Say what to push/],
    ["origin", /Say what to push/],
    ["elsewhere HEAD:refs/heads/gt/toast/1", /own remote/],
    ["https://evil.example/a.git HEAD:refs/heads/gt/toast/1", /own remote/],
  ])("%s is refused, with what to do instead", (line, why) => {
    expect(push(line)).toMatch(why);
  });

  it("by the name of another branch that is checked out is refused", () => {
    expect(push("origin HEAD", { current: "main" })).toMatch(/own branch only/);
    expect(push("origin HEAD", { current: null })).toMatch(/own branch only/);
  });

  it("from a session without a branch is refused", () => {
    expect(push("origin HEAD", { branch: null })).toMatch(/no branch of its own/);
  });
});

it("the command stands behind git's own options", () => {
  expect(parseGit(["-C", "push", "-c", "a.b=c", "--no-pager", "push", "-f"])).toEqual({
    globals: ["-C", "push", "-c", "a.b=c", "--no-pager"],
    name: "push",
    args: ["-f"],
  });
  expect(parseGit(["--version"])).toMatchObject({ name: "" });
});

it("what prints a credential, or goes round push, is refused", () => {
  for (const name of ["credential", "credential-store", "credential-cache", "send-pack", "remote-https"])
    expect(judgeCommand(name).allowed).toBe(false);
  for (const name of ["", "status", "commit", "push", "remote", "fetch"])
    expect(judgeCommand(name).allowed).toBe(true);
});
