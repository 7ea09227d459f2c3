/**
 * Saved work and the branches of attempts go from the remote 30 days after their bead was closed (spec/town.md §5,
 * housekeeping). Those of a failed bead stay: whoever retries it wants what was done. A branch with a pull request
 * that may be open is that one's, and of a merged one `review.delete_branch` said at once whether it goes.
 */
import type { EffectOutcome } from "@gastown/protocol";
import { DAY, MINUTE, retryBackoff, type Ctx } from "../kernel/context.ts";
import type { Row } from "../kernel/sql.ts";
import { enqueue } from "../outbox/outbox.ts";
import { deleteBranch, DELETION_TRIES } from "../reviews/delete-branch.ts";
import { townRow } from "../town-row.ts";

const KEPT = 30 * DAY;
/** Beads that are looked at at once, and deletions that are asked for; the next time goes on from there. */
const BEADS = 100;
const DELETIONS = 20;
/** A runner that has just begun has agents to start first. */
const REST = MINUTE;

export type Over = Row & { id: string; kind: string | null; rig_id: string; closed_at: number };
type Attempt = Row & { id: string; branch: string | null; head_sha: string | null; work_ref: string | null };
type Merge = Row & { state: string; head_sha: string; pr_url: string | null; pr_state: string | null };

/** What one bead left on the remote. */
interface Left {
  saved: { sessionId: string; ref: string }[];
  branches: { branch: string; expectedHead: string; merged: boolean; mayBeOpen: boolean }[];
}

/**
 * Hourly, and when a runner has come for other work, or a town that is never at it for an hour would forget nothing.
 * Only while one is there: nothing old is worth starting one.
 */
export function forgetOldRefs(ctx: Ctx): void {
  const town = townRow(ctx);
  if (town.runner_seen_at === null || town.runner_draining === 1) return;
  const beads = ctx.sql.all<Over>(
    `select b.id, b.kind, b.rig_id, b.closed_at from beads b
     where b.status = 'closed' and (b.closed_at, b.id) > (?, ?) and b.closed_at <= ?
     order by b.closed_at, b.id limit ?`,
    town.refs_forgotten_at,
    town.refs_forgotten_bead,
    ctx.now - KEPT,
    BEADS,
  );
  let asked = 0;
  let last: Over | undefined;
  for (const bead of beads) {
    if (asked >= DELETIONS) break;
    if (ctx.sql.get("select 1 from rigs where id = ?", bead.rig_id) !== undefined)
      asked += forgetRefsOf(ctx, bead);
    last = bead;
  }
  if (last === undefined) return;
  ctx.sql.run(
    "update town set refs_forgotten_at = ?, refs_forgotten_bead = ? where id = 1",
    last.closed_at,
    last.id,
  );
}

/** How many deletions it asked for. */
function forgetRefsOf(ctx: Ctx, bead: Over): number {
  const { rig_id: rigId } = bead;
  const { saved, branches } = leftBy(ctx, bead);
  const over = branches.filter(({ merged, mayBeOpen }) => !merged && !mayBeOpen);
  for (const one of saved) forgetSaved(ctx, { rigId, ...one, failures: 0 }, REST);
  for (const { branch, expectedHead } of over)
    deleteBranch(ctx, { rigId, branch, expectedHead, failures: 0 }, REST);
  return saved.length + over.length;
}

export function leftBy(ctx: Ctx, bead: Over): Left {
  const attempts = ctx.sql.all<Attempt>(
    "select id, branch, head_sha, work_ref from sessions where bead_id = ? and role in ('polecat', 'refinery')",
    bead.id,
  );
  return {
    saved: attempts.flatMap(({ id, work_ref }) =>
      work_ref === null ? [] : [{ sessionId: id, ref: work_ref }],
    ),
    // A fix bead works on the branch of what it fixes, which may be a person's.
    branches: bead.kind === "work" ? attempts.flatMap((attempt) => pushedBy(ctx, bead, attempt)) : [],
  };
}

/** The branch that an attempt pushed, with the head that it was left at; none where it pushed nothing. */
function pushedBy(ctx: Ctx, bead: Over, { branch, head_sha }: Attempt): Left["branches"] {
  if (branch === null) return [];
  const merge = ctx.sql.get<Merge>(
    `select state, head_sha, pr_url, pr_state from merge_requests where source_id = ? and rig_id = ? and branch = ?
     order by created_at desc limit 1`,
    bead.id,
    bead.rig_id,
    branch,
  );
  if (merge === undefined)
    return head_sha === null ? [] : [{ branch, expectedHead: head_sha, merged: false, mayBeOpen: false }];
  const merged = merge.state === "merged";
  const mayBeOpen =
    !merged && merge.pr_url !== null && merge.pr_state !== "merged" && merge.pr_state !== "closed";
  return [{ branch, expectedHead: merge.head_sha, merged, mayBeOpen }];
}

interface Forgetting {
  rigId: string;
  sessionId: string;
  ref: string;
  /** Tries that failed so far. */
  failures: number;
}

/** Of the effect that forgets a saved ref. */
export const savedSubject = (rigId: string, ref: string): string => `ref:${rigId}:${ref}`;

/** A saved ref is nobody else's: it goes whatever stands there. `restMs`: that there is no hurry. */
export function forgetSaved(ctx: Ctx, { rigId, sessionId, ref, failures }: Forgetting, restMs = 0): void {
  enqueue(ctx, {
    kind: "branch",
    subject: savedSubject(rigId, ref),
    key: `ref:forget:${rigId}:${ref}`,
    payload: { operation: "forget", rigId, branch: ref, sessionId, failures },
    dueAt: ctx.now + (failures === 0 ? restMs : retryBackoff(failures)),
  });
}

/** Once it is gone, nobody is told of it any more. A remote that says no keeps it. */
export function forgettingEnded(ctx: Ctx, forgetting: Forgetting, outcome: EffectOutcome): void {
  const { sessionId, ref } = forgetting;
  const failures = forgetting.failures + 1;
  if (outcome.outcome === "branch_done")
    ctx.sql.run("update sessions set work_ref = null where id = ? and work_ref = ?", sessionId, ref);
  else if (outcome.outcome === "error" && failures < DELETION_TRIES)
    forgetSaved(ctx, { ...forgetting, failures });
}
