/** Settings of review, pull requests and landing (spec/town.md §7, spec/api.md §3.13, `review.*`). */
import { z } from "zod";
import { mergeMethod } from "./states.ts";
import { text } from "./text.ts";

/** A check that runs on a head before its review and on the merged tree before its push. */
export const gateSpec = z.strictObject({
  name: text(1, 60),
  command: text(1, 2_000),
  timeout_seconds: z.int().min(1).max(7_200),
  required: z.boolean(),
});
export type GateSpec = z.infer<typeof gateSpec>;

export const GATE_TIMEOUT_SECONDS = 1_800;

const gateSetting = z.union([text(1, 2_000), gateSpec.partial({ timeout_seconds: true, required: true })]);

export const reviewSettings = z.strictObject({
  code_review: z.boolean().optional(),
  /** `comments` posts what a reviewer asks for on the pull request; without one it is `rework`. */
  mode: z.enum(["rework", "comments"]).optional(),
  gates: z.array(gateSetting).max(20).optional(),
  /** False: a head without any check counts as green. */
  require_checks: z.boolean().optional(),
  auto_merge: z.boolean().optional(),
  /** Minutes of green before the town merges into the default branch; null: never by itself. */
  auto_merge_delay_minutes: z.int().min(0).max(10_080).nullable().optional(),
  merge_method: mergeMethod.optional(),
  auto_resolve_feedback: z.boolean().optional(),
  auto_resolve_conflicts: z.boolean().optional(),
  /** A small model says which threads by bots and people without write access block; all others do. */
  classify_threads: z.boolean().optional(),
  max_change_rounds: z.int().min(1).max(20).optional(),
  max_feedback_rounds: z.int().min(1).max(20).optional(),
  parallel_reviews: z.int().min(1).max(8).optional(),
  poll_seconds: z.int().min(15).max(3_600).optional(),
  delete_branch: z.boolean().optional(),
});
export type ReviewSettings = z.infer<typeof reviewSettings>;

/** Every setting of reviews with a value. */
export interface EffectiveReview {
  code_review: boolean;
  mode: "rework" | "comments";
  gates: GateSpec[];
  require_checks: boolean;
  auto_merge: boolean;
  auto_merge_delay_minutes: number | null;
  /** `auto`: what the repository allows, for pull requests; a merge commit, for direct landing. */
  merge_method: "merge" | "squash" | "rebase" | "auto";
  auto_resolve_feedback: boolean;
  auto_resolve_conflicts: boolean;
  classify_threads: boolean;
  max_change_rounds: number;
  max_feedback_rounds: number;
  parallel_reviews: number;
  poll_seconds: number;
  delete_branch: boolean;
}

const DEFAULTS: EffectiveReview = {
  code_review: true,
  mode: "rework",
  gates: [],
  require_checks: false,
  auto_merge: true,
  auto_merge_delay_minutes: null,
  merge_method: "auto",
  auto_resolve_feedback: false,
  auto_resolve_conflicts: true,
  classify_threads: false,
  max_change_rounds: 5,
  max_feedback_rounds: 5,
  parallel_reviews: 1,
  poll_seconds: 60,
  delete_branch: true,
};

/** What a town that is made today starts with (the *new town* column). */
export const NEW_TOWN_REVIEW: ReviewSettings = {
  code_review: true,
  mode: "rework",
  require_checks: false,
  auto_merge: true,
  auto_merge_delay_minutes: 5,
  auto_resolve_feedback: true,
  auto_resolve_conflicts: true,
};

/** Rig override, else town, else default; a null that a rig says means null. */
export function effectiveReview(town: ReviewSettings = {}, rig: ReviewSettings = {}): EffectiveReview {
  const { gates: townGates, ...townRest } = withoutUndefined(town);
  const { gates: rigGates, ...rigRest } = withoutUndefined(rig);
  return { ...DEFAULTS, ...townRest, ...rigRest, gates: (rigGates ?? townGates ?? []).map(completeGate) };
}

/** A key that is present with the value `undefined` says nothing. */
function withoutUndefined(settings: ReviewSettings): DefinedReview {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
}
type DefinedReview = { [K in keyof ReviewSettings]?: Exclude<ReviewSettings[K], undefined> };

function completeGate(setting: z.infer<typeof gateSetting>): GateSpec {
  if (typeof setting !== "string")
    return { timeout_seconds: GATE_TIMEOUT_SECONDS, required: true, ...setting };
  return {
    name: setting.slice(0, 60),
    command: setting,
    timeout_seconds: GATE_TIMEOUT_SECONDS,
    required: true,
  };
}
