import { parsePullRequestUrl } from "@gastown/forge";
import { expect, it } from "vitest";
import { rigAt } from "./adopt.ts";

const rigs = [
  { name: "other", gitUrl: "git@code.example.org:acme/other.git" },
  { name: "ssh", gitUrl: "git@code.example.org:acme/site.git" },
  { name: "hub", gitUrl: "git@github.com:acme/site.git" },
];

it.each([
  ["https://code.example.org/gitlab/acme/site/-/merge_requests/3", "https://code.example.org/gitlab", "ssh"],
  [
    "https://code.example.org/gitlab/acme/other/-/merge_requests/3",
    "https://code.example.org/gitlab/",
    "other",
  ],
  ["https://github.com/Acme/Site/pull/7", "https://code.example.org/gitlab", "hub"],
  ["https://github.com/acme/site/pull/7", undefined, "hub"],
  ["https://code.example.org/gitlab/acme/site/-/merge_requests/3", undefined, undefined],
])("the rig of %s, with a GitLab at %s, is %s", (url, site, name) => {
  const pr = parsePullRequestUrl(url, site);
  if (pr.kind !== "pull_request") throw new Error(pr.url);
  expect(rigAt(rigs, pr, site)?.name).toBe(name);
});
