/** The stored merge request, a satellite of its bead (spec/review.md §2). */
import { GastownError, gateResult, type GateResult, type MergeState } from "@gastown/protocol";
import { z } from "zod";
import { findBead } from "../beads/bead-row.ts";
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
  method: "merge" | "squash" | "rebase";
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
};

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

export function latestMergeOf(ctx: Ctx, sourceId: string): MergeRow | undefined {
  return ctx.sql.get<MergeRow>(
    "select * from merge_requests where source_id = ? order by created_at desc, bead_id desc limit 1",
    sourceId,
  );
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
