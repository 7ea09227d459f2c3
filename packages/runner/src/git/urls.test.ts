import { expect, test } from "vitest";
import { parseRemoteUrl, redactUrls } from "./urls.ts";

test.each([
  "https://example.com/a/b.git",
  "http://127.0.0.1:8080/a.git",
  "https://ann@example.com/a.git",
  "ssh://git@example.com:2222/a.git",
  "git://example.com/a.git",
  "git@example.com:a/b.git",
  "example.com:a.git",
])("%s is a repository", (url) => {
  expect(parseRemoteUrl(url, false)).toEqual({ url, local: false });
});

test.each([
  "",
  "-x",
  "--upload-pack=touch x",
  "ext::sh -c x",
  "ext::sh",
  "fd::17/x",
  "::x",
  "https://ann:secret@example.com/a.git",
  "https:///a.git",
  "ssh://-oProxyCommand=x/a.git",
  "ssh://-oProxyCommand=x@example.com/a.git",
  "git@-oProxyCommand=x:a.git",
  "-oProxyCommand=x:a.git",
  "-a@example.com:b.git",
  "git@example.com:-x",
  "ftp://example.com/a.git",
  "javascript://example.com/a.git",
  "file:///a.git",
  "/a.git",
  "relative/path",
  "https://example.com/a b.git",
  "https://example.com/a\n.git",
])("%j is refused where paths are not allowed", (url) => {
  expect(parseRemoteUrl(url, false)).toHaveProperty("refused");
});

test.each([
  "ext::sh -c x",
  "-x",
  "relative/path",
  "file://host/a.git",
  "/a\nb.git",
  "ftp://example.com/a.git",
])("%j is refused even where paths are allowed", (url) => {
  expect(parseRemoteUrl(url, true)).toHaveProperty("refused");
});

test("a path becomes a url, blanks and percent signs included", () => {
  expect(parseRemoteUrl("/srv/a b%.git", true)).toEqual({ url: "file:///srv/a%20b%25.git", local: true });
  expect(parseRemoteUrl("file:///srv/a.git", true)).toEqual({ url: "file:///srv/a.git", local: true });
});

test("credentials in a message are hidden", () => {
  expect(redactUrls("fatal: Authentication failed for 'https://ann:secret@example.com/a.git'")).toBe(
    "fatal: Authentication failed for 'https://example.com/a.git'",
  );
});
