/** What people and the mayor do with beads (spec/town.md §3). Each is one transaction of its caller. */
import { GastownError, type SlingBody } from "@gastown/protocol";
import { audit } from "../audit/audit.ts";
import { wakeBlockedBy } from "../dependents.ts";
import { mootEscalations } from "../escalations/escalations.ts";
import type { Ctx } from "../kernel/context.ts";
import { schedule } from "../kernel/schedule.ts";
import { tellOfHeld } from "../mayor/held.ts";
import { plannedSteps, storeSteps } from "../molecules/molecules.ts";
import { storeCommand, withdrawBlockedBy, type TakeCommand } from "../reviews/commands.ts";
import { dismissMerge } from "../reviews/fail.ts";
import { waitForFixAgain } from "../reviews/fix-beads.ts";
import { latestMergeOf, liveMergeOf, mergeRow, sourceIssue, type MergeRow } from "../reviews/merge-row.ts";
import { moveMerge, mergeTitle } from "../reviews/move-merge.ts";
import { landingOf } from "../reviews/submit.ts";
import { findRig } from "../rigs/rigs.ts";
import { closeSession } from "../sessions/close.ts";
import { liveSessionOfBead } from "../sessions/session-row.ts";
import { move } from "../status.ts";
import { closeBead, failBead } from "./attempts.ts";
import {
  DEFAULT_PRIORITY,
  findBead,
  insertBead,
  isFix,
  PRIORITIES,
  setVersion,
  type BeadRow,
} from "./bead-row.ts";
import { addBlocker } from "./dependencies.ts";

/** One unit of work, dispatched as soon as a slot is free unless it is held. Returns its id. */
export function sling(ctx: Ctx, rigRef: string, body: SlingBody, held: boolean): string {
  const rig = findRig(ctx, rigRef);
  const blockers = (body.dependsOn ?? []).map((ref) => blocker(ctx, ref));
  const steps = plannedSteps(ctx, rig.id, body);
  const id = ctx.id("bead");
  insertBead(ctx, id, {
    type: "issue",
    kind: "work",
    title: body.title.trim(),
    body: body.body ?? "",
    rigId: rig.id,
    priority: body.priority ? PRIORITIES.indexOf(body.priority) : DEFAULT_PRIORITY,
    labels: body.labels ?? [],
    metadata: body.metadata ?? {},
    held: held ? "created_held" : null,
    model: body.model,
    runtime: body.runtime,
  });
  for (const on of blockers) addBlocker(ctx, id, on.id);
  if (steps) storeSteps(ctx, id, steps);
  const seq = audit(ctx, {
    kind: "bead.created",
    subject: { type: "bead", id },
    beadId: id,
    rigId: rig.id,
    text: `New bead: ${body.title}`,
    data: { kind: "work", held },
  });
  setVersion(ctx, id, seq);
  schedule(ctx, "bead", id);
  if (held) tellOfHeld(ctx, { id, title: body.title, rig: rig.name });
  return id;
}

function blocker(ctx: Ctx, ref: string): BeadRow {
  try {
    return findBead(ctx, ref);
  } catch {
    throw new GastownError(
      "invalid_dependency",
      `It cannot wait for ${ref}: there is no such bead in this town.`,
      { dependsOn: ref },
    );
  }
}

function findIssue(ctx: Ctx, ref: string): BeadRow {
  const bead = findBead(ctx, ref);
  if (bead.type === "issue") return bead;
  throw new GastownError(
    "invalid_transition",
    `${ref} is a ${bead.type.replace("_", " ")}, not a unit of work; it has commands of its own.`,
  );
}

/** Only an open bead can be held. */
export function holdBead(ctx: Ctx, ref: string): string {
  const bead = findIssue(ctx, ref);
  if (bead.status !== "open") {
    throw new GastownError(
      "invalid_transition",
      `${bead.title} is ${bead.status.replace("_", " ")}; only an open bead can be held. Close it to stop its work.`,
    );
  }
  ctx.sql.run("update beads set held = 'person' where id = ?", bead.id);
  const seq = audit(ctx, {
    kind: "bead.held",
    subject: { type: "bead", id: bead.id },
    beadId: bead.id,
    rigId: bead.rig_id,
    text: `${bead.title} is held by ${ctx.actor.name}`,
  });
  setVersion(ctx, bead.id, seq);
  schedule(ctx, "bead", bead.id);
  return bead.id;
}

/** Releases a hold and ends a cooldown: it may start now. */
export function startBead(ctx: Ctx, ref: string): string {
  const bead = findIssue(ctx, ref);
  if (bead.status !== "open") {
    throw new GastownError(
      "invalid_transition",
      `${bead.title} is ${bead.status.replace("_", " ")} already.`,
      { from: bead.status },
    );
  }
  release(ctx, bead, "bead.released", `${bead.title} is released by ${ctx.actor.name}`);
  return bead.id;
}

function release(ctx: Ctx, bead: BeadRow, kind: string, text: string): void {
  ctx.sql.run("update beads set held = null, cooldown_until = 0 where id = ?", bead.id);
  const seq = audit(ctx, {
    kind,
    subject: { type: "bead", id: bead.id },
    beadId: bead.id,
    rigId: bead.rig_id,
    text,
  });
  setVersion(ctx, bead.id, seq);
  mootEscalations(ctx, bead.id);
  schedule(ctx, "bead", bead.id);
}

type CloseReason = "cancelled" | "duplicate" | "done_elsewhere" | "waived";

export function closeIssue(ctx: Ctx, ref: string, reason: CloseReason, note: string): string {
  const bead = findIssue(ctx, ref);
  if (reason === "waived") return waive(ctx, bead, note);
  if (bead.status === "closed") return alreadyClosed(bead, reason);
  if (bead.status === "failed") throw finalState(bead);
  const text = `${bead.title} is closed by ${ctx.actor.name} (${reason.replace("_", " ")})${note ? `: ${note}` : ""}`;
  takeFromWork(ctx, bead, { action: "close", reason, text });
  return bead.id;
}

export function failIssue(ctx: Ctx, ref: string, note: string, reason = "person"): string {
  const bead = findIssue(ctx, ref);
  if (bead.status === "closed" || bead.status === "failed") throw finalState(bead);
  const text = `${ctx.actor.name}: ${note}`;
  takeFromWork(ctx, bead, { action: "fail", reason, text });
  return bead.id;
}

/**
 * Ends a live bead with its session and its merge request in the same transaction. While that is
 * landing the command is stored instead and applied with the merge's result.
 */
function takeFromWork(ctx: Ctx, bead: BeadRow, command: TakeCommand): void {
  const merge = liveMergeOf(ctx, bead.id);
  if (merge?.state === "landing") return storeCommand(ctx, merge, command);
  if (merge) dismissMerge(ctx, merge, command.text);
  if (command.action === "close") closeBead(ctx, bead, command.reason, command.text);
  else failBead(ctx, bead, command.reason, command.text);
  const session = liveSessionOfBead(ctx, bead.id);
  if (session)
    closeSession(ctx, session, {
      outcome: "stopped",
      reason: { code: "stopped", message: command.text },
      gone: false,
    });
  mootEscalations(ctx, bead.id);
}

/** Counts as done from now on; what started because of it is not taken back. */
function waive(ctx: Ctx, bead: BeadRow, note: string): string {
  const text = `${bead.title} is waived by ${ctx.actor.name}${note ? `: ${note}` : ""}`;
  if (bead.status !== "closed" && bead.status !== "failed") {
    takeFromWork(ctx, bead, { action: "close", reason: "waived", text });
  } else {
    ctx.sql.run("update beads set waived = 1 where id = ?", bead.id);
    recordWaive(ctx, bead, text);
    mootEscalations(ctx, bead.id);
  }
  return bead.id;
}

function recordWaive(ctx: Ctx, bead: BeadRow, text: string): void {
  const seq = audit(ctx, {
    kind: "convoy.waived",
    subject: { type: "bead", id: bead.id },
    beadId: bead.id,
    convoyId: bead.convoy_id,
    text,
  });
  setVersion(ctx, bead.id, seq);
  wakeBlockedBy(ctx, bead.id);
  if (bead.convoy_id) schedule(ctx, "convoy", bead.convoy_id);
}

/** failed → open with new attempt counts; an open bead in cooldown or held starts now. */
export function retryIssue(ctx: Ctx, ref: string, options: { fresh: boolean; note: string }): string {
  const bead = findIssue(ctx, ref);
  if (bead.waived === 1)
    throw new GastownError("invalid_transition", `${bead.title} was waived, which is final. Sling it anew.`);
  refuseInFinishedConvoy(ctx, bead);
  if (isFix(bead)) waitForFixAgain(ctx, bead);
  ctx.sql.run(
    "update beads set note = coalesce(?, note), fresh = ? where id = ?",
    options.note === "" ? null : options.note,
    options.fresh ? 1 : 0,
    bead.id,
  );
  if (bead.status === "open" && !options.fresh && heldForItsMerge(ctx, bead)) {
    retryMerge(ctx, bead.id);
    return bead.id;
  }
  if (bead.status === "open") {
    release(ctx, bead, "bead.retried", `${bead.title} is tried again by ${ctx.actor.name}`);
    return bead.id;
  }
  if (bead.status !== "failed")
    throw new GastownError(
      "invalid_transition",
      `${bead.title} is ${bead.status.replace("_", " ")}; only a failed or waiting bead can be retried.`,
      { from: bead.status },
    );
  ctx.sql.run(
    "update beads set start_failures = 0, run_failures = 0, cooldown_until = 0, held = null where id = ?",
    bead.id,
  );
  move(ctx, {
    machine: "issue",
    id: bead.id,
    from: "failed",
    to: "open",
    reason: "retried",
    event: {
      kind: "bead.retried",
      subject: { type: "bead", id: bead.id },
      beadId: bead.id,
      convoyId: bead.convoy_id,
      rigId: bead.rig_id,
      text: `${bead.title} is tried again by ${ctx.actor.name}`,
    },
  });
  wakeBlockedBy(ctx, bead.id);
  withdrawBlockedBy(ctx, bead.id);
  mootEscalations(ctx, bead.id);
  return bead.id;
}

/** Finished work is not done again: a retry of it is a retry of its merge request (spec/review.md §4.1). */
function heldForItsMerge(ctx: Ctx, bead: BeadRow): boolean {
  const merge = latestMergeOf(ctx, bead.id);
  return merge?.state === "failed" && bead.held !== null && bead.held === merge.failure_kind;
}

/** A failed merge request back into the queue; its source is `in_review` again. */
export function retryMerge(ctx: Ctx, sourceOrMerge: string): string {
  const bead = findBead(ctx, sourceOrMerge);
  const given = mergeRow(ctx, bead.id);
  const latest = given ? latestMergeOf(ctx, given.source_id, given.rig_id) : latestMergeOf(ctx, bead.id);
  if (!latest) throw new GastownError("not_found", `${sourceOrMerge} has no merge request.`);
  if (latest.state !== "failed") {
    throw new GastownError(
      "invalid_transition",
      `This merge request is ${latest.state.replace("_", " ")}; only a failed one can be retried.`,
      { from: latest.state },
    );
  }
  const source = sourceIssue(ctx, latest);
  if (source && (source.status !== "open" || liveSessionOfBead(ctx, source.id))) {
    throw new GastownError(
      "invalid_transition",
      `${source.title} is ${source.status.replace("_", " ")} or being worked on; its old merge request cannot be retried.`,
    );
  }
  forgetFailure(ctx, latest);
  moveMerge(ctx, latest, {
    to: "queued",
    kind: "merge.queued",
    text: `${mergeTitle(ctx, latest)} is queued again by ${ctx.actor.name}`,
  });
  if (source) {
    ctx.sql.run("update beads set held = null where id = ?", source.id);
    move(ctx, {
      machine: "issue",
      id: source.id,
      from: "open",
      to: "in_review",
      event: {
        kind: "bead.status_changed",
        subject: { type: "bead", id: source.id },
        beadId: source.id,
        convoyId: source.convoy_id,
        rigId: source.rig_id,
        text: `${source.title} is in review again`,
      },
    });
  }
  mootEscalations(ctx, latest.bead_id);
  return latest.bead_id;
}

/**
 * Where only the forge was at fault, gates and verdict of this head still hold. One that never had a pull
 * request may land another way now: what the settings say, as its failure advised.
 */
function forgetFailure(ctx: Ctx, merge: MergeRow): void {
  if (merge.strategy === "pr" && merge.pr_url === null) {
    const { strategy, method } = landingOf(ctx, merge.rig_id);
    ctx.sql.run(
      "update merge_requests set strategy = ?, method = ? where bead_id = ?",
      strategy,
      method,
      merge.bead_id,
    );
  }
  const forge = merge.failure_kind?.startsWith("pr_") === true;
  ctx.sql.run(
    `update merge_requests set failure_kind = null, failure_message = null, review_failures = 0, landing_failures = 0,
       cooldown_until = 0, recheck = null, poll_transient_count = 0, poll_non_transient_count = 0, poll_null_count = null,
       poll_error_kind = null, next_poll_at = 0, gates_head = case when ? = 1 then gates_head else null end
     where bead_id = ?`,
    forge ? 1 : 0,
    merge.bead_id,
  );
  ctx.sql.run(
    "update beads set metadata = json_remove(metadata, '$.failureReason', '$.failureKind', '$.failureMessage') where id = ?",
    merge.bead_id,
  );
}

function refuseInFinishedConvoy(ctx: Ctx, bead: BeadRow): void {
  const convoy = bead.convoy_id
    ? ctx.sql.get<{ state: string }>("select state from convoys where bead_id = ?", bead.convoy_id)
    : undefined;
  if (convoy?.state === "landed" || convoy?.state === "closed") {
    throw new GastownError(
      "convoy_finished",
      `The convoy of ${bead.title} is ${convoy.state}. Sling the work anew.`,
    );
  }
}

function alreadyClosed(bead: BeadRow, reason: string): string {
  if (bead.reason === reason) return bead.id;
  throw finalState(bead);
}

function finalState(bead: BeadRow): GastownError {
  return new GastownError(
    "invalid_transition",
    `${bead.title} is ${bead.status} (${bead.reason ?? "no reason"}) already.`,
    {
      from: bead.status,
      reason: bead.reason,
    },
  );
}
