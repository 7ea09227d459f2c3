/** What the runner answered to a merge or to gates, as a step of the merge request (spec/review.md §3). */
import type { EffectOutcome, GateResult } from "@gastown/protocol";
import { attemptBackoff, SECOND, type Ctx } from "../kernel/context.ts";
import { toJson } from "../kernel/json.ts";
import { schedule } from "../kernel/schedule.ts";
import { applyPendingCommand } from "./commands.ts";
import { failMerge } from "./fail.ts";
import { conflicted } from "./conflict.ts";
import { sendBack } from "./fix-beads.ts";
import { headMoved } from "./head-moved.ts";
import { landed } from "./landed.ts";
import { laneIsRed } from "./lanes.ts";
import { mergeRow, redGates, type MergeRow } from "./merge-row.ts";
import { mergeTitle, moveMerge } from "./move-merge.ts";

const MAX_LANDING_ERRORS = 5;
const RACE_PAUSE = 30 * SECOND;

/** The gates of a head have run. */
export function gatesFinished(ctx: Ctx, mergeId: string, headSha: string, gates: GateResult[]): void {
  const merge = mergeRow(ctx, mergeId);
  if (!merge || merge.state !== "queued" || merge.head_sha !== headSha) return;
  const green = redGates(gates).length === 0;
  ctx.sql.run(
    "update merge_requests set gates_head = ?, gates = ?, gates_green = ?, landing_failures = 0 where bead_id = ?",
    headSha,
    toJson(gates),
    green ? 1 : 0,
    mergeId,
  );
  schedule(ctx, "merge", mergeId);
}

/** The gates could not be run at all: tried again, then a person is told. */
export function gatesError(ctx: Ctx, mergeId: string, message: string): void {
  const merge = mergeRow(ctx, mergeId);
  if (!merge || merge.state !== "queued") return;
  retryOrFail(ctx, merge, "gates_error", `The gates could not be run: ${message}`);
  schedule(ctx, "merge", mergeId);
}

/** Only the merge's own result moves a merge request out of `landing`. */
export function mergeFinished(ctx: Ctx, mergeId: string, outcome: EffectOutcome): void {
  const merge = mergeRow(ctx, mergeId);
  if (!merge || merge.state !== "landing") return;
  if (outcome.outcome === "merged")
    return landed(ctx, merge, { commit: outcome.commit, kind: "merge.landed", remark: "" });
  if (merge.pending_command !== null && applyPendingCommand(ctx, merge)) return;
  switch (outcome.outcome) {
    case "head_moved":
      return headMovedTo(ctx, merge, outcome.head);
    case "conflict":
      return conflicted(ctx, merge, outcome.files);
    case "gates_failed":
      return gatesFailed(ctx, merge, outcome);
    case "race_lost":
      return backToLane(ctx, merge, RACE_PAUSE, "merge.race_lost", "the target moved too often");
    case "withdrawn":
      return backToLane(ctx, merge, 0, "merge.withdrawn", "it was asked to wait");
    case "rejected":
      return failMerge(ctx, merge, {
        kind: "rejected",
        message: `The remote refused the push: ${outcome.reason}`,
      });
    case "auth":
      return failMerge(ctx, merge, {
        kind: "auth",
        message: `The push was not allowed: ${outcome.reason}. Check the credentials of this repository, then retry.`,
      });
    case "missing_ref":
      return failMerge(ctx, merge, {
        kind: "missing_ref",
        message: `${outcome.ref} no longer exists on the remote.`,
      });
    default:
      return landingError(
        ctx,
        merge,
        outcome.outcome === "error" ? outcome.message : `unexpected answer ${outcome.outcome}`,
      );
  }
}

/** Null: the branch is gone. */
export function headMovedTo(ctx: Ctx, merge: MergeRow, head: string | null): void {
  if (head !== null) return headMoved(ctx, merge, head);
  failMerge(ctx, merge, {
    kind: "missing_ref",
    message: `${merge.branch} no longer exists on the remote.`,
  });
}

function gatesFailed(
  ctx: Ctx,
  merge: MergeRow,
  { gates, target_red, target_head }: Extract<EffectOutcome, { outcome: "gates_failed" }>,
): void {
  const red = redGates(gates).map((gate) => gate.name);
  if (!target_red) {
    ctx.sql.run("update merge_requests set gates = ? where bead_id = ?", toJson(gates), merge.bead_id);
    sendBack(ctx, merge, gatesWorkOrder(merge, gates, `merged into ${merge.target}`), {
      kind: "merge.gates_failed",
      text: `${mergeTitle(ctx, merge)}: ${red.join(", ")} failed on the merged tree`,
    });
    return;
  }
  backToLane(ctx, merge, 0, "merge.gates_failed", `${red.join(", ")} fail on ${merge.target} itself`);
  laneIsRed(ctx, merge, red, target_head ?? null);
}

/** What a worker is told when gates are red: which, and the end of each log. */
export function gatesWorkOrder(merge: MergeRow, gates: GateResult[], where: string) {
  const red = redGates(gates);
  const logs = red.map((gate) => {
    const end = gate.exit_code === null ? "did not end in time" : `exited with ${gate.exit_code}`;
    return `### ${gate.name} ${end}\n${gate.log_tail.slice(-4_000)}`;
  });
  return {
    kind: "rework" as const,
    cause: "gates" as const,
    text: `These gates fail on ${merge.branch} ${where}. Find the cause and repair it.\n\n${logs.join("\n\n")}`,
    files: [],
  };
}

export function landingError(ctx: Ctx, merge: MergeRow, message: string): void {
  retryOrFail(ctx, merge, "error", `The merge failed: ${message}`);
  const current = mergeRow(ctx, merge.bead_id);
  if (current?.state === "landing")
    backToLane(ctx, current, current.cooldown_until - ctx.now, "merge.error", message);
}

/** Counts one error; fails the merge request when five in a row are spent. */
function retryOrFail(ctx: Ctx, merge: MergeRow, kind: string, message: string): void {
  const failures = merge.landing_failures + 1;
  ctx.sql.run(
    "update merge_requests set landing_failures = ?, cooldown_until = ? where bead_id = ?",
    failures,
    ctx.now + attemptBackoff(failures),
    merge.bead_id,
  );
  if (failures >= MAX_LANDING_ERRORS) failMerge(ctx, merge, { kind, message });
}

export function backToLane(ctx: Ctx, merge: MergeRow, pause: number, kind: string, why: string): void {
  ctx.sql.run(
    "update merge_requests set cooldown_until = ? where bead_id = ?",
    ctx.now + Math.max(pause, 0),
    merge.bead_id,
  );
  moveMerge(ctx, merge, {
    to: "approved",
    kind,
    reason: kind,
    text: `${mergeTitle(ctx, merge)} waits for its turn again: ${why}`,
  });
}
