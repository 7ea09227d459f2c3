// cspell:ignore lisen
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { dataDirPath, prepareDataDir, type DataDir } from "./data-dir.ts";
import { isLoopback, loadSettings, type SettingFlags } from "./settings.ts";

let dir: DataDir;
beforeEach(() => {
  dir = prepareDataDir(mkdtempSync(join(tmpdir(), "gastown-settings-")));
});
afterEach(() => rmSync(dir.root, { recursive: true, force: true }));

const load = (env: Record<string, string> = {}, flags: SettingFlags = {}) =>
  loadSettings(dir, env, flags, false);

describe("the server's settings", () => {
  it("come from the flag, else the environment, else the file, else the default", () => {
    expect(load().listen).toEqual({ host: "127.0.0.1", port: 4780 });
    writeFileSync(dir.settings, '{"listen": "127.0.0.1:1", "log_level": "warn"}');
    expect(load().listen.port).toBe(1);
    expect(load({ GASTOWN_LISTEN: "127.0.0.1:2" }).listen.port).toBe(2);
    expect(load({ GASTOWN_LISTEN: "127.0.0.1:2" }, { listen: "3" })).toMatchObject({
      listen: { host: "127.0.0.1", port: 3 },
      logLevel: "warn",
    });
  });

  it("read addresses in every usual form", () => {
    expect(load({}, { listen: "[::1]:0" }).listen).toEqual({ host: "::1", port: 0 });
    expect(load({}, { listen: ":80" }).listen).toEqual({ host: "127.0.0.1", port: 80 });
    for (const wrong of ["nonsense", "1.2.3.4", "127.0.0.1:65536", "a b:1", ""])
      expect(() => load({}, { listen: wrong })).toThrow(/127\.0\.0\.1:4780/);
  });

  it("are refused by name when they are wrong or unknown", () => {
    writeFileSync(dir.settings, '{"lisen": "1"}');
    expect(() => load()).toThrow(/server\.json.*lisen/);
    writeFileSync(dir.settings, "{");
    expect(() => load()).toThrow(/not readable as JSON/);
    rmSync(dir.settings);
    expect(() => load({ GASTOWN_MAX_INSTANCES: "many" })).toThrow(/"max_instances" from the environment/);
    expect(() => load({ GASTOWN_LOG_LEVEL: "loud" })).toThrow(/"log_level" from the environment/);
  });

  it("take lists and switches from the environment", () => {
    const settings = load({ GASTOWN_ALLOWED_HOSTS: "a.example, b.example", GASTOWN_DEVELOPMENT: "1" });
    expect(settings.allowedHosts).toEqual(["a.example", "b.example"]);
    expect(settings.development).toBe(true);
    expect(load({ GASTOWN_DEVELOPMENT: "0" }).development).toBe(false);
  });

  it("know what only this machine can reach", () => {
    expect(["127.0.0.1", "::1", "127.8.9.1"].every(isLoopback)).toBe(true);
    expect(["0.0.0.0", "::", "192.168.0.1", "127.example.org"].some(isLoopback)).toBe(false);
  });
});

describe("the data directory", () => {
  it("is named by the flag, else the environment, else home", () => {
    expect(dataDirPath("/a", { GASTOWN_DATA_DIR: "/b" })).toBe("/a");
    expect(dataDirPath(undefined, { GASTOWN_DATA_DIR: "/b" })).toBe("/b");
    expect(dataDirPath(undefined, {})).toMatch(/\.gastown$/);
  });
});
