/**
 * `behind`: the town merges the target into the branch, one pull request per target at a time. The same
 * effect says whether a head that somebody else made is only such a merge (spec/review.md §4.4).
 */
import { readWaiting } from "../beads/waiting.ts";
import { MINUTE, type Ctx } from "../kernel/context.ts";
import { fromJson } from "../kernel/json.ts";
import { enqueue, underWay } from "../outbox/outbox.ts";
import { z } from "zod";
import { mergeRow, type MergeRow } from "./merge-row.ts";

const laneSubject = (merge: MergeRow): string => `update:${merge.rig_id}:${merge.target}`;
const askedSchema = z.object({ mergeId: z.string() });

/** Merges the target into the branch, unless that is done or its branch has moved. */
export function updateBranch(ctx: Ctx, merge: MergeRow): void {
  enqueue(ctx, {
    kind: "update_branch",
    subject: laneSubject(merge),
    key: `update:${merge.bead_id}:${merge.head_sha}`,
    payload: { mergeId: merge.bead_id, headSha: merge.head_sha },
  });
}

/**
 * A convoy's landing by pull request is gated and reviewed with the target merged in (spec/review.md §5). A
 * direct one is merged onto the target's head anyway, and tested there.
 */
export function wantsTarget(merge: MergeRow): boolean {
  return merge.lands_convoy === 1 && merge.strategy === "pr" && merge.updated_head !== merge.head_sha;
}

/** How long one that was brought up to date may keep the others of its target waiting. */
const ON_ITS_WAY = 60 * MINUTE;
const MOVING: readonly string[] = ["gates", "checks", "grace", "landing_queue", "poll_backoff", "cooldown"];

/**
 * The pull request of the same target that was brought up to date and is still on its way: another one
 * would only be behind again when that lands. One that waits for a person keeps nobody.
 */
export function updateAhead(ctx: Ctx, merge: MergeRow): MergeRow | undefined {
  const asked = underWay(ctx, "update_branch", laneSubject(merge));
  const begun = asked && mergeRow(ctx, fromJson(askedSchema, asked.payload)?.mergeId ?? "");
  if (begun && begun.bead_id !== merge.bead_id) return begun;
  const updated = ctx.sql.all<MergeRow>(
    `select * from merge_requests where rig_id = ? and target = ? and state in ('queued', 'approved', 'landing')
       and bead_id <> ? and updated_head = head_sha and head_at > ?`,
    merge.rig_id,
    merge.target,
    merge.bead_id,
    ctx.now - ON_ITS_WAY,
  );
  return updated.find((other) => {
    const code = readWaiting(other.waiting)?.code;
    return other.state === "landing" || code === undefined || MOVING.includes(code);
  });
}

/** Asks whether `head` is the reviewed head with the target merged in and nothing else. */
export function checkUpdate(ctx: Ctx, merge: MergeRow, head: string): void {
  enqueue(ctx, {
    kind: "update_branch",
    subject: `check:${merge.bead_id}`,
    key: `check:${merge.bead_id}:${head}`,
    payload: { mergeId: merge.bead_id, headSha: merge.head_sha, seenHead: head },
  });
}
