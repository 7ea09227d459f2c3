import { townConfig, type TownConfig } from "@gastown/protocol";
import { describe, expect, it } from "vitest";
import { changedKeys } from "./answer.ts";
import { maskEnv, unmaskEnv } from "./masking.ts";
import { patchConfig } from "./merge.ts";

const stored: TownConfig = {
  default_model: "m1",
  review: { code_review: true, gates: ["npm test"] },
  env: { API_KEY: "a-long-secret-here", PLAIN: "1" },
};
const patch = (changes: Record<string, unknown>): TownConfig => patchConfig(townConfig, stored, changes);

describe("a change of settings", () => {
  it("merges objects per key and replaces arrays and env", () => {
    expect(patch({ review: { gates: ["make"] } })).toEqual({
      ...stored,
      review: { code_review: true, gates: ["make"] },
    });
    expect(patch({ env: { A: "b" } }).env).toEqual({ A: "b" });
    expect(patch({})).toEqual(stored);
  });

  it("returns keys to their default with $unset, and drops what is empty after it", () => {
    expect(patch({ $unset: ["review.gates", "default_model", "limits.max_agents"] })).toEqual({
      review: { code_review: true },
      env: stored.env,
    });
    expect(patch({ $unset: ["review.gates", "review.code_review"] })).not.toHaveProperty("review");
  });

  it("names an unknown key", () => {
    for (const changes of [{ nope: 1 }, { review: { nope: 1 } }, { town: { id: "x" } }]) {
      expect(() => patch(changes)).toThrow(expect.objectContaining({ code: "unknown_setting" }));
    }
    expect(() => patch({ review: { nope: 1 } })).toThrow(/review\.nope/);
  });

  it("validates the whole result and never repeats a value", () => {
    expect(() => patch({ limits: { max_agents: 0 } })).toThrow(
      expect.objectContaining({ code: "validation_failed" }),
    );
    expect(() => patch({ review: null })).toThrow(expect.objectContaining({ code: "validation_failed" }));
    expect(() => patch({ env: { GASTOWN_X: "planted-secret" } })).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining("planted-secret") }),
    );
  });

  it("says which keys changed, by name only", () => {
    expect(
      changedKeys(stored, patch({ default_model: "m2", env: { A: "b" }, review: { code_review: true } })),
    ).toEqual(["default_model", "env"]);
  });
});

describe("secrets in env", () => {
  it("are known by their name or by their value", () => {
    const masked = maskEnv({
      API_KEY: "a-long-secret-here",
      SHORT_TOKEN: "abc",
      DATABASE: "postgres://me:hunter2@db/x",
      GH: "ghp_a-long-secret-too",
      PEM: "-----BEGIN RSA PRIVATE KEY-----\nxyz0",
      PLAIN: "visible",
      HOMEPAGE: "https://example.org/a",
    });
    expect(masked).toEqual({
      API_KEY: "****here",
      SHORT_TOKEN: "****",
      DATABASE: "****db/x",
      GH: "****-too",
      PEM: "****xyz0",
      PLAIN: "visible",
      HOMEPAGE: "https://example.org/a",
    });
  });

  it("survive a round trip of what was shown", () => {
    const env = { API_KEY: "a-long-secret-here", PASSWORD: "abc", PLAIN: "1" };
    expect(unmaskEnv(maskEnv(env), env)).toEqual(env);
    expect(patch({ env: maskEnv(stored.env ?? {}) })).toEqual(stored);
  });

  it("are refused masked where none is stored", () => {
    expect(() => unmaskEnv({ NEW_KEY: "****abcd" }, {})).toThrow(
      expect.objectContaining({ code: "masked_value_unknown" }),
    );
    expect(unmaskEnv({ NEW_KEY: "****abcdefg" }, {})).toEqual({ NEW_KEY: "****abcdefg" });
  });
});
