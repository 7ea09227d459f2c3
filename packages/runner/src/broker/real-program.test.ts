import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { CAPABILITY_ENV, HOST_CONFIG_ENV, SOCKET_ENV } from "./messages.ts";
import { cleanEnv, forgeEnv, hostGitEnv } from "./real-program.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "gastown-shims-"));
  vi.stubEnv("PATH", `${root}:/usr/bin`);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(root, { recursive: true, force: true });
});

it("the host's git finds the host's own programs and settings, and nothing of the broker", () => {
  const settings = ["host.setting", "credential.helper"];
  for (const [i, key] of settings.entries()) vi.stubEnv(`GIT_CONFIG_KEY_${i}`, key);
  vi.stubEnv("GIT_CONFIG_COUNT", "2");
  vi.stubEnv(HOST_CONFIG_ENV, "1");
  vi.stubEnv(SOCKET_ENV, "/s");
  vi.stubEnv(CAPABILITY_ENV, "c");
  vi.stubEnv("GIT_DIR", "/somewhere");
  const env = hostGitEnv(root);
  expect(env).toMatchObject({ PATH: "/usr/bin", GIT_CONFIG_COUNT: "1", GIT_CONFIG_KEY_0: "host.setting" });
  for (const name of ["GIT_CONFIG_KEY_1", HOST_CONFIG_ENV, SOCKET_ENV, CAPABILITY_ENV, "GIT_DIR"])
    expect(env).not.toHaveProperty(name);
});

it("gh gets its token and its repository, no settings of anybody, and nothing that starts a program", () => {
  for (const name of [
    "GH_TOKEN",
    "GITHUB_TOKEN",
    "GH_PAGER",
    "PAGER",
    "EDITOR",
    "BROWSER",
    "GH_DEBUG",
    "DEBUG",
  ])
    vi.stubEnv(name, "planted");
  const env = forgeEnv(join(root, "bin"), "gh", { token: "t", host: "github.com", repository: "acme/site" });
  expect(env).toMatchObject({ GH_TOKEN: "t", GH_HOST: "github.com", GH_REPO: "github.com/acme/site" });
  expect(Object.values(env)).not.toContain("planted");
  const own = forgeEnv(join(root, "bin"), "gh", { token: "t", host: "ghe.example", repository: null });
  expect(own).toMatchObject({ GH_ENTERPRISE_TOKEN: "t", GH_HOST: "ghe.example" });
  expect(own).not.toHaveProperty("GH_TOKEN");
});

it("glab gets GitLab's, and without a token each is as the host has it", () => {
  const env = forgeEnv(join(root, "bin"), "glab", { token: "t", host: "gitlab.com", repository: "a/b" });
  expect(env).toMatchObject({ GITLAB_TOKEN: "t", GITLAB_HOST: "gitlab.com" });
  const none = forgeEnv(join(root, "bin"), "gh", { token: null, host: "github.com", repository: "a/b" });
  expect(Object.keys(none).filter((name) => /TOKEN|CONFIG_DIR|HOST/.test(name))).toEqual([]);
});

it("other programs get no forge's token", () => {
  vi.stubEnv("GH_TOKEN", "planted");
  vi.stubEnv("GITLAB_TOKEN", "planted");
  expect(Object.values(cleanEnv())).not.toContain("planted");
});
