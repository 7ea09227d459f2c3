/** The verdict as it is stored. */
import type { Ctx } from "../kernel/context.ts";
import { toJson } from "../kernel/json.ts";
import type { MergeRow } from "./merge-row.ts";

export function storeVerdict(ctx: Ctx, merge: MergeRow, verdict: Record<string, unknown>): void {
  ctx.sql.run("update merge_requests set verdict = ? where bead_id = ?", toJson(verdict), merge.bead_id);
}

/** A person's approval of exactly the head that stands there. */
export function storeApproval(ctx: Ctx, merge: MergeRow, summary: string): void {
  storeVerdict(ctx, merge, {
    kind: "approve",
    summary,
    headSha: merge.head_sha,
    at: ctx.now,
    sessionId: null,
  });
  ctx.sql.run("update merge_requests set reviewed_sha = head_sha where bead_id = ?", merge.bead_id);
}
