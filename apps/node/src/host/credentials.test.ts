import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  BootSecretStore,
  ensureLocalToken,
  ensureKeys,
  localTokenHash,
  readLocalToken,
  sha256,
} from "./credentials.ts";
import { prepareDataDir, type DataDir } from "./data-dir.ts";

let dir: DataDir;
beforeEach(() => {
  dir = prepareDataDir(mkdtempSync(join(tmpdir(), "gastown-secrets-")));
});
afterEach(() => rmSync(dir.root, { recursive: true, force: true }));

const mode = (path: string): number => statSync(path).mode & 0o777;

describe("the local token", () => {
  it("is made once, for its owner only", () => {
    ensureLocalToken(dir);
    const first = readLocalToken(dir);
    expect(first).toMatch(/^gtl_[\w-]{43}$/);
    ensureLocalToken(dir);
    expect(readLocalToken(dir)).toBe(first);
    expect(mode(dir.localToken)).toBe(0o600);
  });

  it("that is replaced counts at once, and a missing one matches nothing", () => {
    const hash = localTokenHash(dir);
    expect(hash()).not.toBe(sha256(""));
    ensureLocalToken(dir);
    expect(hash()).toBe(sha256(readLocalToken(dir) ?? ""));
    writeFileSync(dir.localToken, "gtl_other\n");
    expect(hash()).toBe(sha256("gtl_other"));
  });

  it("loses the rights that somebody gave to others", () => {
    ensureLocalToken(dir);
    chmodSync(dir.localToken, 0o644);
    readLocalToken(dir);
    expect(mode(dir.localToken)).toBe(0o600);
  });
});

describe("the keys", () => {
  it("stay the same over a restart", () => {
    const first = ensureKeys(dir);
    expect(ensureKeys(dir)).toEqual(first);
    expect(first.signing[0]?.secret.length).toBe(32);
    expect(first.sealing[0]?.secret.length).toBe(32);
    expect(first.sealing[0]?.secret).not.toEqual(first.signing[0]?.secret);
    expect(mode(dir.keys)).toBe(0o600);
  });

  it("of an earlier version get a key to seal with, and stay", () => {
    const signing = { kid: "a", secret: Buffer.alloc(32, 1).toString("base64") };
    writeFileSync(dir.keys, JSON.stringify({ keys: [signing] }));
    const first = ensureKeys(dir);
    expect(first.signing.map(({ kid }) => kid)).toEqual(["a"]);
    expect(ensureKeys(dir)).toEqual(first);
  });

  it("that are damaged stop the start with what to do", () => {
    writeFileSync(dir.keys, '{"keys": []}');
    expect(() => ensureKeys(dir)).toThrow(/delete it/);
  });
});

describe("a boot secret", () => {
  it("is good for one instance of its own town, again when its answer was lost, for five minutes", () => {
    let now = 0;
    const secrets = new BootSecretStore(() => now);
    const one = secrets.issue("town_a");
    const two = secrets.issue("town_a");
    expect(secrets.consume("town_b", one, "run_1")).toBe(false);
    expect(secrets.consume("town_a", `${one}x`, "run_1")).toBe(false);
    now = 299_999;
    expect(secrets.consume("town_a", one, "run_1")).toBe(true);
    expect(secrets.consume("town_a", one, "run_1")).toBe(true);
    expect(secrets.consume("town_a", one, "run_2")).toBe(false);
    now = 300_000;
    expect(secrets.consume("town_a", one, "run_1")).toBe(false);
    expect(secrets.consume("town_a", two, "run_1")).toBe(false);
  });
});
