/** What holds for a rig: its override, else the town's, else the default (spec/town.md §7). */
import { describe, expect, it } from "vitest";
import { effectiveConfig, NEW_TOWN_CONFIG, rigConfig, townConfig } from "./config.ts";

describe("effectiveConfig", () => {
  it("has a value for everything without any setting", () => {
    const config = effectiveConfig({});
    expect(config).toMatchObject({
      runtime: "scripted",
      convoy_merge_mode: "review-then-land",
      staged_convoys_default: false,
      review: { code_review: true, gates: [], merge_method: "auto", max_change_rounds: 5, poll_seconds: 60 },
      limits: { max_polecats_per_rig: 4, max_agents: 12, max_attempts: 5 },
      runner: { idle_stop_minutes: 5, turn_idle_minutes: { polecat: 2, refinery: 10 } },
    });
  });

  it("prefers the rig to the town and the town to the default, key by key", () => {
    const town = { review: { code_review: false, max_change_rounds: 2 }, limits: { max_attempts: 3 } };
    const config = effectiveConfig(town, { review: { code_review: true } });
    expect(config.review).toMatchObject({ code_review: true, max_change_rounds: 2 });
    expect(config.limits.max_attempts).toBe(3);
  });

  it("takes a null that a rig says for never, and falls back where it says nothing", () => {
    const town = { review: { auto_merge_delay_minutes: 5 } };
    expect(effectiveConfig(town).review.auto_merge_delay_minutes).toBe(5);
    expect(effectiveConfig(town, { review: {} }).review.auto_merge_delay_minutes).toBe(5);
    const never = effectiveConfig(town, { review: { auto_merge_delay_minutes: null } });
    expect(never.review.auto_merge_delay_minutes).toBeNull();
    expect(effectiveConfig({}).review.auto_merge_delay_minutes).toBeNull();
  });

  it.each([
    ["mode", "comments"],
    ["require_checks", true],
    ["auto_merge", false],
    ["merge_method", "squash"],
    ["auto_resolve_feedback", true],
    ["auto_resolve_conflicts", false],
    ["max_feedback_rounds", 2],
    ["poll_seconds", 15],
    ["delete_branch", false],
  ] as const)("lets town and rig set review.%s", (key, value) => {
    expect(effectiveConfig({ review: { [key]: value } }).review[key]).toBe(value);
    expect(effectiveConfig({}, { review: { [key]: value } }).review[key]).toBe(value);
  });

  it("gives a new town pull requests, a grace period and repairs", () => {
    expect(effectiveConfig(NEW_TOWN_CONFIG)).toMatchObject({
      merge_strategy: "pr",
      review: { auto_merge: true, auto_merge_delay_minutes: 5, auto_resolve_feedback: true },
    });
    expect(effectiveConfig({}).merge_strategy).toBe("direct");
  });

  it("chooses the model by rig role, town role, rig default, town default", () => {
    const town = { default_model: "d", role_models: { refinery: "r" } };
    expect(effectiveConfig(town).models).toMatchObject({ mayor: "d", polecat: "d", refinery: "r" });
    const rig = { default_model: "rd", role_models: { polecat: "rp" } };
    expect(effectiveConfig(town, rig).models).toMatchObject({ polecat: "rp", refinery: "r" });
  });

  it("lets a rig's runtime win over the town's role runtime, but not over its own", () => {
    const town = { runtime: "kilo", role_runtimes: { polecat: "opencode", mayor: "claude" } };
    expect(effectiveConfig(town).role_runtimes).toEqual({
      mayor: "claude",
      polecat: "opencode",
      refinery: "kilo",
      triage: "kilo",
    });
    expect(effectiveConfig(town, { runtime: "codex" }).role_runtimes.polecat).toBe("codex");
    expect(
      effectiveConfig(town, { runtime: "codex", role_runtimes: { polecat: "gemini" } }).role_runtimes.polecat,
    ).toBe("gemini");
  });

  it("merges env and gives both instructions, the rig's last", () => {
    const town = { env: { A: "1", B: "1" }, instructions: { polecat: "first" } };
    const config = effectiveConfig(town, { env: { B: "2" }, instructions: { polecat: "then" } });
    expect(config.env).toEqual({ A: "1", B: "2" });
    expect(config.instructions.polecat).toBe("first\n\nthen");
  });

  it("turns a gate given as a command into a complete one", () => {
    expect(effectiveConfig({ review: { gates: ["npm test"] } }).review.gates).toEqual([
      { name: "npm test", command: "npm test", timeout_seconds: 1_800, required: true },
    ]);
  });
});

describe("the schemas", () => {
  it.each(["PATH", "HOME", "GASTOWN_TOWN_ID", "GIT_DIR", "LD_PRELOAD", "1A", "A-B"])(
    "refuse %s as a variable",
    (name) => {
      expect(townConfig.safeParse({ env: { [name]: "x" } }).success).toBe(false);
    },
  );

  it("refuse unknown keys, and keys of the town in a rig", () => {
    expect(townConfig.safeParse({ loop_interval: 5 }).success).toBe(false);
    expect(rigConfig.safeParse({ limits: { max_agents: 3 } }).success).toBe(false);
  });

  it("inject no defaults", () => {
    expect(townConfig.parse({ review: {} })).toEqual({ review: {} });
  });
});
