import { describe, expect, it } from "vitest";
import { ForgeFailure } from "../failure.ts";
import { pullRequestAt } from "./at-host.ts";
import { parsePullRequestUrl } from "./pull-request-url.ts";
import { redactUrl } from "./redact.ts";
import { parseRepositoryUrl, sameProject } from "./repository-url.ts";

describe("urls of pull requests", () => {
  it.each([
    ["https://github.com/acme/tool/pull/12", "github", "acme/tool", 12],
    ["https://github.com/acme/tool/pull/12/files?w=1#r7", "github", "acme/tool", 12],
    ["https://git.acme.example:8443/acme/tool/pull/1/", "github", "acme/tool", 1],
    ["https://gitlab.com/acme/tool/-/merge_requests/3", "gitlab", "acme/tool", 3],
    ["https://gitlab.acme.example/a/b/c/tool/-/merge_requests/3/diffs?tab=1", "gitlab", "a/b/c/tool", 3],
  ])("knows %s", (text, provider, project, number) => {
    const parsed = parsePullRequestUrl(text);
    expect(parsed).toMatchObject({ kind: "pull_request", provider, project, number });
    expect(parsePullRequestUrl(parsed.url)).toEqual(parsed);
  });

  it.each([
    "",
    "not a url",
    "file:///srv/git/acme/tool/pull/1",
    "ssh://git@github.com/acme/tool/pull/1",
    "https://github.com/acme/tool",
    "https://github.com/acme/tool/pull/",
    "https://github.com/acme/tool/pull/0",
    "https://github.com/acme/tool/pull/1e3",
    "https://github.com/acme/tool/issues/1",
    "https://github.com/a/b/c/pull/1",
    "https://github.com/acme/%2e%2e/pull/1",
    "https://github.com/acme/to%2Fol/pull/1",
    "https://gitlab.com/tool/-/merge_requests/1",
    "https://github.com\\@evil.example/acme/tool/pull/1",
    "https:github.com/acme/tool/pull/1",
    "https://github.com/acme/tool/pull/1\n",
  ])("does not take %j", (text) => {
    expect(parsePullRequestUrl(text)).toMatchObject({ kind: "unrecognized_url" });
  });

  it("never repeats credentials", () => {
    const text = "https://ann:hunter2@github.com/acme/tool/pull/1?private_token=glpat-1";
    const refused = parsePullRequestUrl(text);
    expect(refused).toEqual({ kind: "unrecognized_url", url: "https://github.com/acme/tool/pull/1" });
    for (const odd of ["hunter2@github.com/x", "ann:hunter2@github.com:acme/tool", "https:/ann:hunter2@x"])
      expect(redactUrl(odd)).not.toContain("hunter2");
  });

  it("knows a forge that lives below a path of its host", () => {
    const site = "https://git.example/gitlab";
    const url = `${site}/a/b/tool/-/merge_requests/3`;
    expect(pullRequestAt("gitlab", site, `${url}/diffs`)).toMatchObject({ site, project: "a/b/tool", url });
    expect(() => pullRequestAt("gitlab", site, "https://git.example/other/tool/-/merge_requests/3")).toThrow(
      expect.objectContaining({
        error: { kind: "host_mismatch", expected: site, got: "https://git.example" },
      }),
    );
  });

  it("keeps a token at its host", () => {
    const failing = (origin: string, url: string): unknown => {
      try {
        return pullRequestAt("gitlab", origin, url);
      } catch (thrown) {
        return thrown instanceof ForgeFailure ? thrown.error : thrown;
      }
    };
    const url = "https://gitlab.evil.example/acme/tool/-/merge_requests/1";
    expect(failing("https://gitlab.com", url)).toEqual({
      kind: "host_mismatch",
      expected: "gitlab.com",
      got: "gitlab.evil.example",
    });
    expect(failing("https://gitlab.com", "http://gitlab.com/a/b/-/merge_requests/1")).toEqual({
      kind: "host_mismatch",
      expected: "https://gitlab.com",
      got: "http://gitlab.com",
    });
    expect(failing("https://gitlab.com", "https://gitlab.com/a/b/pull/1")).toMatchObject({
      kind: "unrecognized_url",
    });
  });
});

describe("urls of repositories", () => {
  it.each([
    ["https://github.com/acme/tool.git", "https://github.com", "acme/tool"],
    ["https://token@github.com/acme/tool", "https://github.com", "acme/tool"],
    ["http://127.0.0.1:4001/acme/tool.git", "http://127.0.0.1:4001", "acme/tool"],
    ["git@github.com:acme/tool.git", "https://github.com", "acme/tool"],
    ["ssh://git@gitlab.com:22/a/b/tool.git/", "https://gitlab.com", "a/b/tool"],
  ])("finds %s", (text, site, project) => {
    expect(parseRepositoryUrl(text)).toEqual({ site, project });
  });

  const below = "https://git.example:8443/gitlab/";
  it.each([
    ["https://git.example:8443/gitlab/a/b/tool.git", "https://git.example:8443/gitlab", "a/b/tool"],
    ["https://git.example:8443/other/tool.git", "https://git.example:8443", "other/tool"],
    ["https://git.example:8443/gitlab-old/tool.git", "https://git.example:8443", "gitlab-old/tool"],
    ["git@git.example:a/tool.git", "https://git.example:8443/gitlab", "a/tool"],
    ["ssh://git@git.example:22/a/tool.git", "https://git.example:8443/gitlab", "a/tool"],
    ["git@elsewhere.example:a/tool.git", "https://elsewhere.example", "a/tool"],
  ])("finds %s where a forge lives below a path", (text, site, project) => {
    expect(parseRepositoryUrl(text, below)).toEqual({ site, project });
  });

  it("leaves what is no project below that path", () => {
    expect(parseRepositoryUrl("https://git.example:8443/gitlab/tool.git", below)).toBeNull();
  });

  it.each(["/srv/tool.git", "file:///srv/tool.git", "C:\\tool", "https://github.com/tool", "ext::sh -c x"])(
    "leaves %j to git",
    (text) => {
      expect(parseRepositoryUrl(text)).toBeNull();
    },
  );

  it("compares without regard to case", () => {
    expect(sameProject("Acme/Tool", "acme/tool")).toBe(true);
    expect(sameProject("acme/tool", "acme/tools")).toBe(false);
  });
});
