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

type Closed = Row & { id: string; kind: string | null; rig_id: string; closed_at: number };
type Attempt = Row & { id: string; branch: string | null; head_sha: string | null; work_ref: string | null };
type Merged = Row & { state: string; head_sha: string; pr_url: string | null; pr_state: string | null };

/**
 * Hourly, and when a runner has come for other work, or a town that is never at it for an hour would forget nothing.
 * Only while one is there: nothing old is worth starting one.
 */
export function forgetOldRefs(ctx: Ctx): void {
  const town = townRow(ctx);
  if (town.runner_seen_at === null || town.runner_draining === 1) return;
  const beads = ctx.sql.all<Closed>(
    `select b.id, b.kind, b.rig_id, b.closed_at from beads b
     where b.status = 'closed' and (b.closed_at, b.id) > (?, ?) and b.closed_at <= ?
     order by b.closed_at, b.id limit ?`,
    town.refs_forgotten_at,
    town.refs_forgotten_bead,
    ctx.now - KEPT,
    BEADS,
  );
  let asked = 0;
  let last: Closed | undefined;
  for (const bead of beads) {
    if (asked >= DELETIONS) break;
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
function forgetRefsOf(ctx: Ctx, bead: Closed): number {
  if (ctx.sql.get("select 1 from rigs where id = ?", bead.rig_id) === undefined) return 0;
  const attempts = ctx.sql.all<Attempt>(
    "select id, branch, head_sha, work_ref from sessions where bead_id = ? and role in ('polecat', 'refinery')",
    bead.id,
  );
  const saved = attempts.filter(({ work_ref }) => work_ref !== null);
  for (const { id, work_ref } of saved)
    forgetSaved(ctx, { rigId: bead.rig_id, sessionId: id, ref: work_ref ?? "", failures: 0 });
  // A fix bead works on the branch of what it fixes, which may be a person's.
  const pushed =
    bead.kind === "work" ? attempts.flatMap((attempt) => branchLeft(ctx, bead, attempt) ?? []) : [];
  for (const { branch, expectedHead } of pushed)
    deleteBranch(ctx, { rigId: bead.rig_id, branch, expectedHead, failures: 0 }, REST);
  return saved.length + pushed.length;
}

interface Forgetting {
  rigId: string;
  sessionId: string;
  ref: string;
  /** Tries that failed so far. */
  failures: number;
}

/** A saved ref is nobody else's: it goes whatever stands there. */
function forgetSaved(ctx: Ctx, { rigId, sessionId, ref, failures }: Forgetting): void {
  enqueue(ctx, {
    kind: "branch",
    subject: `ref:${rigId}:${ref}`,
    key: `ref:forget:${rigId}:${ref}`,
    payload: { operation: "forget", rigId, branch: ref, sessionId, failures },
    dueAt: ctx.now + (failures === 0 ? REST : retryBackoff(failures)),
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

/** What an attempt pushed and nobody needs any more, with the head that it was left at; null: nothing. */
function branchLeft(
  ctx: Ctx,
  bead: Closed,
  { branch, head_sha }: Attempt,
): { branch: string; expectedHead: string } | null {
  if (branch === null) return null;
  const merge = ctx.sql.get<Merged>(
    `select state, head_sha, pr_url, pr_state from merge_requests where source_id = ? and rig_id = ? and branch = ?
     order by created_at desc limit 1`,
    bead.id,
    bead.rig_id,
    branch,
  );
  if (merge === undefined) return head_sha === null ? null : { branch, expectedHead: head_sha };
  if (merge.state === "merged") return null;
  const mayBeOpen = merge.pr_url !== null && merge.pr_state !== "merged" && merge.pr_state !== "closed";
  return mayBeOpen ? null : { branch, expectedHead: merge.head_sha };
}
