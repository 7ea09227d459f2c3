/** The stored merge request, a satellite of its bead (spec/review.md §2). */
import {
  GastownError,
  gateResult,
  type ForgeError,
  type GateResult,
  type MergeState,
} from "@gastown/protocol";
import { z } from "zod";
import { beadRow, findBead, type BeadRow } from "../beads/bead-row.ts";
import type { Ctx } from "../kernel/context.ts";
import { fromJson } from "../kernel/json.ts";
import type { Row } from "../kernel/sql.ts";

export type MergeRow = Row & {
  bead_id: string;
  /** The issue whose work it is, or the convoy that it lands. */
  source_id: string;
  convoy_id: string | null;
  lands_convoy: number;
  rig_id: string;
  branch: string;
  target: string;
  strategy: "direct" | "pr";
  /** `auto` with a pull request only: what the repository allows. */
  method: "merge" | "squash" | "rebase" | "auto";
  state: MergeState;
  priority: number;
  convoy_at: number;
  head_sha: string;
  reviewed_sha: string | null;
  verdict: string | null;
  gates_head: string | null;
  gates: string | null;
  gates_green: number;
  review_wanted: number;
  review_failures: number;
  change_rounds: number;
  landing_failures: number;
  cooldown_until: number;
  fix_bead_id: string | null;
  question_id: string | null;
  failure_kind: string | null;
  failure_message: string | null;
  merge_commit: string | null;
  pending_command: string | null;
  waiting: string | null;
  created_at: number;
  updated_at: number;
  /** Null until the town opened its pull request, and always with direct landing. */
  pr_url: string | null;
  pr_number: number | null;
  pr_state: "open" | "merged" | "closed" | null;
  /** The last reading that succeeded, as JSON (`pull-request.ts`), and when it was applied. */
  pr_reading: string | null;
  pr_read_at: number;
  /** How often a fresh reading was wanted: one that was asked for before the last time decides nothing. */
  read_after: number;
  next_poll_at: number;
  poll_transient_count: number;
  poll_non_transient_count: number;
  /** The only counter of an older version; null: none, or used already. */
  poll_null_count: number | null;
  poll_error_kind: ForgeError["kind"] | null;
  /** A pull request that a person opened: it has no source bead, its `source_id` is its own. */
  adopted: number;
  can_push: number;
  force_push_allowed: number;
  /** When this head became known, and those before it. */
  head_at: number;
  prior_heads: string;
  rounds: string;
  feedback_rounds: number;
  /** Conflict beads since the branch was last free of conflicts. */
  conflict_rounds: number;
  /** Why the live fix bead was made; what one that changed nothing was made for. */
  fix_cause: FixCause | null;
  recheck: FixCause | null;
  /** What a small model said of threads by bots and strangers; null: it was not asked. */
  thread_verdicts: string | null;
  /** A review that is being posted, or whose threads are awaited. */
  review_post: "posting" | "posted" | null;
  green_since: number | null;
  /** A person asked to merge this head without the grace period. */
  merge_now_sha: string | null;
  /** Why it is kept from landing; null: it is not. */
  merge_held: string | null;
  /** The head that the town made by merging the target into the branch; null: none yet. */
  updated_head: string | null;
  merged_by: string | null;
  merged_head: string | null;
  /** Merged, but not by the town. */
  merged_outside: number;
};

export type FixCause = "verdict" | "gates" | "conflict" | "feedback";

const verdictSchema = z.object({
  kind: z.enum(["approve", "request_changes"]),
  summary: z.string(),
  headSha: z.string(),
  at: z.number(),
  sessionId: z.string().nullable(),
  files: z
    .array(z.object({ path: z.string(), line: z.number().optional(), note: z.string().optional() }))
    .optional(),
  reworkBeadId: z.string().nullable().optional(),
});
export type Verdict = z.infer<typeof verdictSchema>;

export function mergeRow(ctx: Ctx, id: string): MergeRow | undefined {
  return ctx.sql.get<MergeRow>("select * from merge_requests where bead_id = ?", id);
}

export function findMerge(ctx: Ctx, ref: string): MergeRow {
  const bead = findBead(ctx, ref);
  const merge = mergeRow(ctx, bead.id) ?? liveMergeOf(ctx, bead.id) ?? latestMergeOf(ctx, bead.id);
  if (!merge) throw new GastownError("not_found", `${ref} has no merge request.`);
  return merge;
}

/** The one merge request of a source that is not over (unique per source and rig). */
export function liveMergeOf(ctx: Ctx, sourceId: string): MergeRow | undefined {
  return ctx.sql.get<MergeRow>(
    "select * from merge_requests where source_id = ? and state not in ('merged', 'failed')",
    sourceId,
  );
}

/** All that are not over: a convoy lands in each of its rigs by one of its own. */
export function liveMergesOf(ctx: Ctx, sourceId: string): MergeRow[] {
  return ctx.sql.all<MergeRow>(
    "select * from merge_requests where source_id = ? and state not in ('merged', 'failed')",
    sourceId,
  );
}

/** The newest one of a source; of a convoy, which lands in several rigs, that of the given rig. */
export function latestMergeOf(ctx: Ctx, sourceId: string, rigId: string | null = null): MergeRow | undefined {
  return ctx.sql.get<MergeRow>(
    `select * from merge_requests where source_id = ?1 and (?2 is null or rig_id = ?2)
     order by created_at desc, bead_id desc limit 1`,
    sourceId,
    rigId,
  );
}

/** The issue whose work it is; undefined for a landing and for an adopted pull request. */
export function sourceIssue(ctx: Ctx, merge: MergeRow): BeadRow | undefined {
  return merge.lands_convoy === 1 || merge.adopted === 1 ? undefined : beadRow(ctx, merge.source_id);
}

/** Only where a person allowed it for a pull request that they gave to the town; never a feature branch. */
export function mayRewrite(merge: MergeRow): boolean {
  return merge.adopted === 1 && merge.force_push_allowed === 1;
}

export function mergeOfFix(ctx: Ctx, fixBeadId: string): MergeRow | undefined {
  return ctx.sql.get<MergeRow>("select * from merge_requests where fix_bead_id = ?", fixBeadId);
}

export function verdictOf(merge: MergeRow): Verdict | null {
  return fromJson(verdictSchema, merge.verdict);
}

export function gatesOf(merge: MergeRow): GateResult[] {
  return fromJson(z.array(gateResult), merge.gates) ?? [];
}

/** Red: a required gate that did not exit with 0, or did not end at all. */
export function redGates(gates: readonly GateResult[]): GateResult[] {
  return gates.filter((gate) => gate.required && gate.exit_code !== 0);
}
