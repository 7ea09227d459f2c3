/** One reading at a time: what is green, and what keeps a pull request from merging (spec/review.md §4.4). */
import type { CheckRun, PullRequest, PullRequestSignals } from "@gastown/protocol";
import { describe, expect, it } from "vitest";
import { check, thread } from "../scenarios/memory-forge.ts";
import { CHECKS_APPEAR, judge, type JudgeInput, type Judgement } from "./judge.ts";

const HEAD = "a".repeat(40);
const OTHER = "b".repeat(40);

interface Change {
  pr?: Partial<PullRequest>;
  signals?: Partial<PullRequestSignals> | null;
  input?: Partial<JudgeInput>;
}

function judged({ pr = {}, signals = {}, input = {} }: Change): Judgement {
  return judge({
    pr: {
      url: "https://github.com/acme/app/pull/1",
      number: 1,
      state: "open",
      draft: false,
      mergeable: "clean",
      head_sha: HEAD,
      head: "gt/x",
      from_fork: false,
      base: "main",
      title: "x",
      author: "gastown",
      merge_commit: null,
      merged_by: null,
      ...pr,
    },
    signals: signals && {
      threads: { state: "known", unresolved: [] },
      checks: { state: "known", head_sha: HEAD, items: [check("ci", "success")] },
      approval: { state: "known", decision: "none" },
      ...signals,
    },
    target: "main",
    headAt: 0,
    readAt: CHECKS_APPEAR,
    requireChecks: false,
    passing: new Set(),
    ...input,
  });
}

const checks = (...items: CheckRun[]): Partial<PullRequestSignals> => ({
  checks: { state: "known", head_sha: HEAD, items },
});
const unknown = { state: "unknown", why: "502" } as const;

describe("green", () => {
  it.each<[string, Change]>([
    ["clean, checks fine, nobody's approval required", {}],
    ["with hooks", { pr: { mergeable: "has_hooks" } }],
    ["unstable while every check that was read is fine", { pr: { mergeable: "unstable" } }],
    ["approved", { signals: { approval: { state: "known", decision: "approved" } } }],
    ["skipped and neutral checks", { signals: checks(check("a", "skipped"), check("b", "neutral")) }],
    ["no checks, two minutes after the push", { signals: checks() }],
  ])("is %s", (_name, change) => {
    expect(judged(change)).toMatchObject({ waits: null, behind: false, conflict: false });
  });

  it("but for being behind", () => {
    expect(judged({ pr: { mergeable: "behind" } })).toMatchObject({ waits: null, behind: true });
  });
});

describe("not green", () => {
  it.each<[string, Change, string]>([
    ["a draft", { pr: { draft: true } }, "manual"],
    ["closed", { pr: { state: "closed" } }, "unknown"],
    ["another base", { pr: { base: "develop" } }, "manual"],
    ["a conflict", { pr: { mergeable: "dirty" } }, "conflict"],
    ["blocked by rules", { pr: { mergeable: "blocked" } }, "unknown"],
    ["a mergeable state that is not known", { pr: { mergeable: "unknown" } }, "unknown"],
    ["a thread", { signals: { threads: { state: "known", unresolved: [thread("t", "no")] } } }, "threads"],
    ["threads unread", { signals: { threads: unknown } }, "unknown"],
    ["checks unread", { signals: { checks: unknown } }, "unknown"],
    ["approvals unread", { signals: { approval: unknown } }, "unknown"],
    ["no signals", { signals: null }, "unknown"],
    [
      "checks of another head",
      { signals: { checks: { state: "known", head_sha: OTHER, items: [check("ci", "success")] } } },
      "unknown",
    ],
    ["a state of a check that is not known", { signals: checks(check("ci", "unknown")) }, "unknown"],
    ["a pending check", { signals: checks(check("ci", "success"), check("slow", "pending")) }, "checks"],
    ["no checks where they are required", { signals: checks(), input: { requireChecks: true } }, "checks"],
    ["no checks just after the push", { signals: checks(), input: { readAt: CHECKS_APPEAR - 1 } }, "checks"],
    [
      "a missing approval",
      { signals: { approval: { state: "known", decision: "review_required" } } },
      "approval",
    ],
    [
      "changes requested on the forge",
      { signals: { approval: { state: "known", decision: "changes_requested" } } },
      "approval",
    ],
  ])("is %s", (_name, change, code) => {
    expect(judged(change).waits?.code).toBe(code);
  });

  it.each(["failure", "cancelled", "timed_out", "action_required", "stale", "startup_failure"] as const)(
    "is a check that ended as %s",
    (state) => {
      const one = judged({ pr: { mergeable: "unstable" }, signals: checks(check("ci", state)) });
      expect(one.waits).toMatchObject({ code: "checks", message: "red: ci" });
      expect(one.red).toHaveLength(1);
    },
  );

  it("is never made green by being behind", () => {
    const behind = { mergeable: "behind" } as const;
    expect(judged({ pr: behind, signals: checks(check("ci", "failure")) }).waits?.code).toBe("checks");
    expect(judged({ pr: behind, signals: { threads: unknown } }).waits?.code).toBe("unknown");
  });
});

it("takes what reviewers ask for from an approval that is known, and from no other", () => {
  const requests = [{ author: "ann", body: "Split it." }];
  const approval = { state: "known", decision: "changes_requested", requests } as const;
  expect(judged({ signals: { approval } })).toMatchObject({ requests, waits: { code: "approval" } });
  expect(judged({ signals: { approval: { state: "known", decision: "approved" } } }).requests).toEqual([]);
  expect(judged({ signals: { approval: unknown } }).requests).toEqual([]);
  expect(judged({ signals: null }).requests).toEqual([]);
});

it("knows conflict, threads and red checks even where another signal is unknown", () => {
  const one = judged({
    pr: { mergeable: "dirty" },
    signals: { threads: { state: "known", unresolved: [thread("t", "x")] }, approval: unknown },
  });
  expect(one).toMatchObject({ conflict: true, threads: [{ id: "t" }] });
});
