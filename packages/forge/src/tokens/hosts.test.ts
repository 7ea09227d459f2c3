import { expect, it } from "vitest";
import { hostOf, repositoryPathOf } from "./hosts.ts";

it.each([
  ["https://github.com/acme/site.git", "github.com", "acme/site"],
  ["https://ann:pw@GitHub.com/acme/site/", "github.com", "acme/site"],
  ["git@github.com:acme/site.git", "github.com", "acme/site"],
  ["ssh://git@github.com:22/acme/site", "github.com", "acme/site"],
  ["http://127.0.0.1:8080/group/sub/repo.git", "127.0.0.1:8080", "group/sub/repo"],
  ["/srv/repo.git", null, null],
])("of %s the host is %s", (url, host, path) => {
  expect(hostOf(url)).toBe(host);
  expect(host === null ? null : repositoryPathOf(url)).toBe(path);
});
