import { expect, it } from "vitest";
import { gitAddress } from "./git-address.ts";

it.each([
  ["https://github.com/acme/site.git", "github.com", "acme/site"],
  ["https://ann:pw@GitHub.com:443/acme/site/", "github.com", "acme/site"],
  ["git@github.com:acme/site.git", "github.com", "acme/site"],
  ["ssh://git@github.com:22/acme/site", "github.com", "acme/site"],
  ["http://127.0.0.1:8080/group/sub/repo.git", "127.0.0.1:8080", "group/sub/repo"],
  ["https://github.com.evil.org/a", "github.com.evil.org", "a"],
  ["https://evil.org/@github.com/a", "evil.org", "@github.com/a"],
  ["https://evil.org#@github.com/a", "evil.org", ""],
  ["https://evil.org\\@github.com/a", "evil.org", ""],
  ["https://a@evil@github.com/a", "github.com", "a"],
  ["https://[::1]:8080/a", "[::1]:8080", "a"],
])("%s is on %s", (url, host, path) => {
  expect(gitAddress(url)).toEqual({ host, path });
});

it.each(["/srv/repo.git", "file:///srv/repo.git", "", "-oProxy", "./a:b"])("%s is nowhere", (url) => {
  expect(gitAddress(url)).toBeNull();
});
