/**
 * Pull requests under seeded random trouble: a forge that fails, lies late and forgets answers, people who
 * push, close, merge, approve and change their minds. After every step the invariants hold; the forge keeps
 * its own account of what it had shown when it was asked to merge.
 */
import { withSql } from "#host";
import { describe, expect, it } from "vitest";
import type { EffectAnswer } from "../town.ts";
import { random, slingAll, step, tolerant, unexplained } from "./chaos-kit.ts";
import { outcome, PERSON } from "./harness.ts";
import {
  check,
  checksOf,
  forgeHarness,
  http,
  thread,
  threadsOf,
  type ForgeHarness,
  type Pull,
} from "./memory-forge.ts";

const SEEDS = 12;
const STEPS = 60;
const HOUR = 3_600_000;

type Next = () => number;

function troubled(h: ForgeHarness, next: Next): void {
  const trouble = (): EffectAnswer | "lost" | null => {
    if (next() < 0.1) return "lost";
    if (next() < 0.1) return { type: "retry", message: "timeout", counted: next() < 0.5 };
    return null;
  };
  const { open_pull_request, poll_pull_request, merge_pull_request, post_review, update_branch } = h.on;
  h.on.open_pull_request = (request, effect) => {
    const answer = open_pull_request?.(request, effect) ?? "lost";
    if (next() < 0.05) return { type: "forge", answer: { of: "open", result: http(422) } };
    return trouble() ?? answer;
  };
  h.on.poll_pull_request = (request, effect) =>
    next() < 0.1 ? "lost" : (poll_pull_request?.(request, effect) ?? "lost");
  h.on.merge_pull_request = (request, effect) => {
    const before = next() < 0.2 ? trouble() : null;
    // Done, and then the answer is lost: the repeat has to find it.
    return before ?? merge_pull_request?.(request, effect) ?? "lost";
  };
  h.on.post_review = (request, effect) => trouble() ?? post_review?.(request, effect) ?? "lost";
  h.on.update_branch = (request, effect) => {
    if (next() < 0.3)
      return outcome(
        next() < 0.5
          ? { outcome: "conflict", files: ["a"] }
          : { outcome: "head_moved", head: request.body.check_head ?? h.sha() },
      );
    return trouble() ?? update_branch?.(request, effect) ?? "lost";
  };
}

/** Something happens on the forge, or a person uses one of the town's commands. */
function forgeStep(h: ForgeHarness, next: Next): void {
  const pick = <T>(values: readonly T[]): T | undefined => values[Math.floor(next() * values.length)];
  const pull = pick(h.forge.pulls);
  const merge = pick(h.town.merges({}));
  const on = (change: (pull: Pull) => void) => () => pull && change(pull);
  const actions: (() => unknown)[] = [
    on(
      ({ pr }) =>
        void (pr.mergeable = pick(["dirty", "behind", "blocked", "unstable", "unknown"]) ?? "clean"),
    ),
    on(({ pr }) => void (pr.mergeable = "clean")),
    on(({ pr }) => void (pr.draft = !pr.draft)),
    on((one) => threadsOf(one, next() < 0.5 ? [] : [thread("t", "no")])),
    on((one) =>
      checksOf(one, [check("ci", pick(["success", "failure", "pending", "unknown"]) ?? "success")]),
    ),
    on(({ signals }) => {
      signals.approval = {
        state: "known",
        decision: pick(["approved", "review_required", "none"]) ?? "none",
      };
    }),
    on(({ signals }) => void (signals.threads = { state: "unknown", why: "502" })),
    on((one) => void (one.pushed = h.sha())),
    on(({ pr }) => {
      if (pr.state === "open")
        Object.assign(pr, { state: "merged", merge_commit: h.sha(), merged_by: "ann" });
    }),
    on(
      ({ pr }) =>
        void (pr.state = pr.state === "open" ? "closed" : pr.state === "closed" ? "open" : pr.state),
    ),
    () => (h.forge.error = pick([http(500), http(401), http(null, { offline: true })]) ?? null),
    () => (h.forge.error = null),
    () =>
      (h.forge.mergeAnswer =
        pick([
          { kind: "not_mergeable" as const, message: "no" },
          { kind: "head_moved" as const, head: null },
          { kind: "queue_required" as const },
          { kind: "closed" as const },
        ]) ?? null),
    () => (h.forge.mergeAnswer = null),
    () => merge && h.town.holdMerge(merge.id, PERSON),
    () => merge && h.town.releaseMerge(merge.id, PERSON),
    () => merge && h.town.pollNow(merge.id, PERSON),
    () => merge && h.town.mergeNow(merge.id, merge.headSha, PERSON),
    () =>
      merge &&
      h.town.dismissMerge(
        merge.id,
        { note: "", source: pick(["reopen", "hold", "close"]) ?? "hold" },
        PERSON,
      ),
    () =>
      merge &&
      h.town.giveMergeVerdict(
        merge.id,
        next() < 0.5
          ? { headSha: merge.headSha, verdict: "approve", summary: "ok" }
          : { headSha: merge.headSha, verdict: "request_changes", feedback: "no", files: [] },
        PERSON,
      ),
    () => h.town.setConfig(h.town.config().config, PERSON, NEW_TOKEN),
    () => h.town.attention(),
  ];
  const action = pick(actions);
  if (action) tolerant(action);
}

const NEW_TOKEN = [{ key: "github_token", sealed: "sealed", masked: "****" }] as const;

const SETTINGS = [
  { mode: "rework", auto_resolve_feedback: true, gates: ["test"] },
  { mode: "comments", auto_resolve_feedback: true, auto_merge_delay_minutes: 5 },
  { code_review: false, auto_merge_delay_minutes: 5, auto_resolve_conflicts: false },
] as const;

describe("chaos of pull requests", () => {
  it.each(Array.from({ length: SEEDS }, (_, seed) => seed))(
    "seed %i",
    (seed) =>
      withSql((sql) => {
        const next = random(seed + 1);
        const h = forgeHarness(sql, { code_review: true, ...SETTINGS[seed % SETTINGS.length] });
        troubled(h, next);
        slingAll(h);
        for (let i = 0; i < STEPS; i++) {
          if (next() < 0.5) step(h, next);
          else forgeStep(h, next);
          h.settle();
          expect({ step: i, violations: h.town.checkInvariants() }).toEqual({ step: i, violations: [] });
        }
        Object.assign(h.forge, { error: null, mergeAnswer: null });
        h.town.resume(PERSON);
        h.advance(6 * HOUR);
        expect(h.town.checkInvariants()).toEqual([]);
        expect(h.forge.wrongMerges).toEqual([]);
        expect(unexplained(h)).toEqual([]);
        expect(h.town.status()).toMatchObject({ inbox: { pending: 0, dead: 0 } });
        expect(h.town.feed({ limit: 5, kind: "reconciler." })).toEqual([]);
      }),
    60_000,
  );
});
