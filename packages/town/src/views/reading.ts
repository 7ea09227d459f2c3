/** What a runner must be asked for so that a person can look at it: differences and logs. */
import { GastownError, idEnding, type DiffRange, type GateResult, type RigRef } from "@gastown/protocol";
import { findBead } from "../beads/bead-row.ts";
import { HOUR, type Access, type Ctx } from "../kernel/context.ts";
import { timeOfId } from "../kernel/ids.ts";
import { findMerge, gatesOf, latestMergeOf, verdictOf, type MergeRow } from "../reviews/merge-row.ts";
import { mergeOfSession } from "../reviews/session-merge.ts";
import { findRig } from "../rigs/rigs.ts";
import { toRigRef } from "../sessions/launch.ts";
import { findSession, type SessionRow } from "../sessions/session-row.ts";

export interface DiffOf {
  rig: RigRef;
  range: DiffRange;
}

export interface TownReading {
  /**
   * Between what the work of a bead, or of its merge request, is shown: `branch`, `since_review` or
   * `session:<id>`. Throws `not_found` where there is none yet.
   */
  diffOfBead(ref: string, range: string): DiffOf;
  /** `live`: its worktree is what counts, and `range` is null. */
  diffOfSession(ref: string): { sessionId: string; live: boolean; of: DiffOf | null };
  /**
   * The last run of a gate on the change that a session reviews, repairs or made before. Throws `not_found`
   * with the names of those that ran.
   */
  gateOf(sessionId: string, gate: string): GateResult;
  /** The end of a gate's log, by the log's id; null: no merge request names it (any more). */
  logTail(logId: string): string | null;
}

export function townReading({ read }: Access): TownReading {
  return {
    diffOfBead: (ref, range) => read((ctx) => diffOfBead(ctx, ref, range)),
    diffOfSession: (ref) =>
      read((ctx) => {
        const session = findSession(ctx, ref);
        const live = session.state !== "ended";
        return { sessionId: session.id, live, of: live ? null : diffOfSession(ctx, session) };
      }),
    gateOf: (sessionId, gate) => read((ctx) => gateOf(ctx, sessionId, gate)),
    logTail: (logId) => read((ctx) => logTail(ctx, logId)),
  };
}

function diffOfBead(ctx: Ctx, ref: string, range: string): DiffOf {
  if (range.startsWith("session:")) return diffOfItsSession(ctx, ref, range.slice("session:".length));
  const merge = findMerge(ctx, ref);
  const rig = toRigRef(ctx, findRig(ctx, merge.rig_id));
  const reviewed = verdictOf(merge)?.headSha;
  if (range === "since_review" && reviewed !== undefined)
    return { rig, range: { base: reviewed, head: merge.head_sha, from: "direct" } };
  return { rig, range: { base: baseOf(merge), head: merge.head_sha, from: "merge_base" } };
}

/**
 * What has landed is in its target, so that nothing would differ: it is shown against what the target
 * was before. That holds for a merge, a squash and a rebase alike.
 */
function baseOf(merge: MergeRow): string {
  return merge.merge_commit === null ? `refs/heads/${merge.target}` : `${merge.merge_commit}^`;
}

function diffOfItsSession(ctx: Ctx, ref: string, sessionId: string): DiffOf {
  const bead = findBead(ctx, ref);
  const session = findSession(ctx, sessionId);
  if (session.bead_id !== bead.id)
    throw new GastownError("not_found", `Session ${idEnding(session.id)} did not work on ${ref}.`);
  return diffOfSession(ctx, session);
}

/** What it handed in, else what was saved of it. */
function diffOfSession(ctx: Ctx, session: SessionRow): DiffOf {
  const head = session.head_sha ?? session.work_ref;
  if (session.rig_id === null || head === null)
    throw new GastownError("not_found", "This session left no work in a repository.");
  const rig = toRigRef(ctx, findRig(ctx, session.rig_id));
  const merge = session.bead_id === null ? undefined : latestMergeOf(ctx, session.bead_id);
  const target = merge ? baseOf(merge) : `refs/heads/${session.target ?? rig.default_branch}`;
  return { rig, range: { base: session.start_head ?? target, head, from: "merge_base" } };
}

function gateOf(ctx: Ctx, sessionId: string, name: string): GateResult {
  const merge = mergeOfSession(ctx, sessionId);
  const ran = merge ? gatesOf(merge) : [];
  const found = ran.find((gate) => gate.name === name);
  if (found) return found;
  const names = ran.map((gate) => gate.name).join(", ");
  throw new GastownError(
    "not_found",
    names === ""
      ? "No gate has run on this change yet. They run when it is handed in."
      : `No gate ${name} ran on this change. Those that did: ${names}.`,
  );
}

/** Clocks of two machines differ, and a gate runs for a while after its log was named. */
const SLACK = 24 * HOUR;

/**
 * A log's name says when it was begun, so that only those merge requests are looked through that were
 * there at that time.
 */
function logTail(ctx: Ctx, logId: string): string | null {
  const at = timeOfId(logId);
  const rows = ctx.sql.all<MergeRow>(
    `select * from merge_requests
     where created_at <= ?1 and updated_at >= ?2 and gates is not null and instr(gates, ?3) > 0 limit 1`,
    at + SLACK,
    at - SLACK,
    logId,
  );
  const gate = rows.flatMap(gatesOf).find(({ log_ref }) => log_ref === logId);
  return gate?.log_tail ?? null;
}
