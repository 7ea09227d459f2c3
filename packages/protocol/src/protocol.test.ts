/** Ids, names, errors and tools: the small rules that every part relies on. */
import { describe, expect, it } from "vitest";
import { ensureError, ERROR_CODES, GastownError, isErrorCode, TerminalError } from "./errors.ts";
import { anyBeadId, idEnding, idSchema, shortId } from "./ids.ts";
import { settleResult } from "./runner-callbacks.ts";
import { branchName, metadata, title } from "./text.ts";
import { isRepeatable } from "./tool-effects.ts";
import { TOOLS, toolsOf } from "./tools.ts";

const ID = "bead_01J9ZZZZZZZZZZZZZZZ7Q2M9K4";

describe("ids", () => {
  it("read by their random end in lower case", () => {
    expect(shortId(ID)).toBe("bead_z7q2m9k4");
    expect(idEnding(ID)).toBe("z7q2m9k4");
  });

  it("belong to one kind, and beads are also convoys and escalations", () => {
    expect(idSchema("bead").safeParse(ID).success).toBe(true);
    expect(idSchema("rig").safeParse(ID).success).toBe(false);
    expect(anyBeadId.safeParse(ID.replace("bead", "esc")).success).toBe(true);
    expect(idSchema("bead").safeParse(`${ID} `).success).toBe(false);
  });
});

describe("branch names", () => {
  it.each(["main", "gt/ash/7q2m9k4t", "convoy/big-goal/abcd1234/head", "feature_1.2"])("allow %s", (name) => {
    expect(branchName.safeParse(name).success).toBe(true);
  });
  it.each([
    "-x",
    "a..b",
    "a b",
    "a~1",
    "a^",
    "a:b",
    "a?",
    "a*",
    "a[",
    "a\\b",
    "/a",
    "a/",
    "a//b",
    "a.lock",
    ".a/../b",
    "a@{b",
    "a.",
    "",
  ])("refuse %s", (name) => expect(branchName.safeParse(name).success).toBe(false));
});

describe("text", () => {
  it("a title is never only white space, has no NUL and ends somewhere", () => {
    for (const wrong of ["", "   ", "a\0b", "x".repeat(301)])
      expect(title.safeParse(wrong).success).toBe(false);
    expect(title.safeParse("Fix it").success).toBe(true);
  });
  it("metadata has no key that reaches a prototype", () => {
    expect(metadata.safeParse(JSON.parse('{"constructor": 1}')).success).toBe(false);
    expect(Object.keys(metadata.parse(JSON.parse('{"__proto__": 1, "a": 1}')))).toEqual(["a"]);
    expect(metadata.safeParse({ a: "x".repeat(20_000) }).success).toBe(false);
    expect(metadata.safeParse({ a: [1, { b: 2 }] }).success).toBe(true);
  });
});

describe("errors", () => {
  it("carry the status of their code", () => {
    expect(new GastownError("session_fenced", "x").status).toBe(409);
    for (const [status] of Object.values(ERROR_CODES)) expect(status).toBeGreaterThanOrEqual(400);
    expect(isErrorCode("session_fenced")).toBe(true);
    expect(isErrorCode("toString")).toBe(false);
  });
  it("never show a stranger's text", () => {
    expect(ensureError(new Error("password=hunter2")).message).not.toContain("hunter2");
    const own = new TerminalError("no_token", "Set a token.");
    expect(ensureError(own)).toBe(own);
  });
});

describe("facts", () => {
  it("pushed without a head is not a fact", () => {
    const result = {
      epoch: 1,
      settle_id: "settle_01J9ZZZZZZZZZZZZZZZ7Q2M9K4",
      result: "pushed",
      branch: "b",
      base_sha: null,
      head_sha: null,
      commits: 1,
      additions: 0,
      deletions: 0,
      committed_dirty: false,
      error: null,
    };
    expect(settleResult.safeParse(result).success).toBe(false);
    expect(settleResult.safeParse({ ...result, head_sha: "a".repeat(40) }).success).toBe(true);
  });
});

describe("tools", () => {
  it("exist for the role in the token and for no other", () => {
    const names = (role: "mayor" | "polecat" | "refinery") => toolsOf(role).map((tool) => tool.name);
    expect(names("refinery")).toContain("gt_approve");
    expect(names("polecat")).not.toContain("gt_approve");
    expect(names("mayor")).not.toContain("gt_done");
    expect(names("polecat")).not.toContain("gt_sling");
  });
  it("refuse arguments that they do not have", () => {
    expect(TOOLS.gt_done.input.safeParse({ summary: "x", branch: "main" }).success).toBe(false);
  });
  it("are sent again unasked only where that changes nothing more", () => {
    const never = Object.keys(TOOLS).filter((name) => !isRepeatable(name));
    expect(never).toContain("gt_agent_reset");
    expect(never).toContain("gt_bead_retry");
    expect(never.filter((name) => /^gt_(list|done|approve|sling|mail|escalate$|prime)/.test(name))).toEqual(
      [],
    );
    expect(isRepeatable("constructor")).toBe(false);
  });
});
