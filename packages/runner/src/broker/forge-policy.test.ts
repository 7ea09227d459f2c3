import { describe, expect, it } from "vitest";
import { judgeGh, judgeGlab } from "./forge-policy.ts";
import type { Verdict } from "./policy.ts";

const own = { branch: "gt/toast/1", host: "github.com", repository: "acme/site" };
const words = (line: string): string[] =>
  [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? "");
const said = (verdict: Verdict): string => (verdict.allowed ? "allowed" : verdict.message);
const gh = (line: string): string => said(judgeGh(words(line), own));
const glab = (line: string): string =>
  said(judgeGlab(words(line), { ...own, host: "gitlab.com", repository: "acme/web/site" }));

describe("gh", () => {
  it.each([
    "",
    "--version",
    "pr view 12",
    "pr view --json title --jq .title",
    "pr list -R acme/site",
    "-R acme/site pr checks 12",
    "pr view https://github.com/acme/site/pull/12",
    "pr comment 12 --body 'See https://example.org'",
    "pr create --help",
    "issue list",
    "run view 5 --log-failed",
    "api repos/acme/site/pulls/12/comments",
    "api repos/{owner}/{repo}/issues --paginate",
    "api --method GET repos/acme/site/issues -f state=open",
    "api rate_limit",
    "api graphql -f 'query=query { viewer { login } }'",
    "auth status",
  ])("%s reads", (line) => {
    expect(gh(line)).toBe("allowed");
  });

  it.each([
    ["pr create --fill", /opens the pull request itself.*gt_done/],
    ["pr new", /opens the pull request itself/],
    ["-R acme/site pr create --fill", /opens the pull request itself/],
    ["pr create --title --help --fill", /opens the pull request itself/],
    ["pr ready 12", /opens the pull request itself/],
    ["pr merge 12 --auto", /The town merges/],
    ["pr close 12", /The town merges/],
    ["pr review 12 --approve", /The town merges/],
    ["repo delete acme/site --yes", /The town merges/],
    ["auth token", /shown to nobody/],
    ["auth login --with-token", /shown to nobody/],
    ["auth status --show-token", /shown to nobody/],
    ["auth status -t", /shown to nobody/],
    ["config set pager env", /shown to nobody/],
    ["alias set x !env", /shown to nobody/],
    ["extension install a/b", /shown to nobody/],
    ["secret list", /shown to nobody/],
    ["api user --jq env.GH_TOKEN", /shown to nobody/],
    ["pr view 1 --json title -q '$ENV.GH_TOKEN'", /shown to nobody/],
    ["api repos/acme/site -qenv", /shown to nobody/],
    ["api repos/acme/site --verbose", /shown to nobody/],
    ["pr comment 1 --body-file /proc/self/environ", /shown to nobody/],
    ["gist create a.txt", /not open to agents/],
    ["browse", /not open to agents/],
    ["repo clone acme/other", /not open to agents/],
    ["search code x", /not open to agents/],
    ["workflow run ci.yml", /not open to agents/],
    ["pr list -R acme/other", /own repository only: acme\/site/],
    ["pr list --repo=evil.example/acme/site", /own repository only/],
    ["pr view https://github.com/acme/other/pull/1", /own repository only/],
    ["pr view https://evil.example/acme/site/pull/1", /own repository only/],
    ["repo view acme/other", /own repository only/],
    ["api --hostname evil.example repos/acme/site", /own repository only/],
    ["api https://evil.example/x", /own repository only/],
    ["api repos/acme/other/pulls", /own repository only: acme\/site/],
    ["api repos/acme/site/../other/pulls", /own repository only: acme\/site/],
    ["api repos/acme/site2", /own repository only: acme\/site/],
    ["api -X PUT repos/acme/site/pulls/12/merge", /only reads here/],
    ["api -XPUT repos/acme/site/pulls/12/merge", /only reads here/],
    ["api --method=POST repos/acme/site/pulls", /only reads here/],
    ["api repos/acme/site/pulls -f title=x", /only reads here/],
    ["api repos/acme/site/git/refs --input body.json", /only reads here/],
    [
      "api graphql -f 'query=mutation { mergePullRequest(input: {}) { clientMutationId } }'",
      /GraphQL only reads/,
    ],
    ["api graphql -f query=@file", /GraphQL only reads/],
    ["api graphql --input body.json", /GraphQL only reads/],
  ])("%s is refused, with what to do instead", (line, why) => {
    expect(gh(line)).toMatch(why);
  });
});

describe("glab", () => {
  it.each([
    "mr view 3",
    "mr list -R acme/web/site",
    "mr note 3 -m hello",
    "ci status",
    "api projects/:id/merge_requests",
    "api projects/acme%2Fweb%2Fsite/issues",
  ])("%s reads", (line) => {
    expect(glab(line)).toBe("allowed");
  });

  it.each([
    ["mr create --fill", /opens the pull request itself/],
    ["mr merge 3", /The town merges/],
    ["mr approve 3", /The town merges/],
    ["auth status --show-token", /shown to nobody/],
    ["config get token", /shown to nobody/],
    ["variable list", /shown to nobody/],
    ["mr list -R acme/other", /own repository only/],
    ["api projects/5/merge_requests", /own repository only/],
    ["api -X PUT projects/:id/merge_requests/3/merge", /only reads here/],
    ["snippet create", /not open to agents/],
  ])("%s is refused", (line, why) => {
    expect(glab(line)).toMatch(why);
  });
});
