/**
 * Settling: `gt_done` asks the runner to commit, push and read the remote back, and only what that
 * proves counts (spec/review.md §1, decision 5). One `settle_id` until it is answered.
 */
import { GastownError, type SettleResult } from "@gastown/protocol";
import { closeBead, reopen } from "../beads/attempts.ts";
import { beadRow, isFix, type BeadRow } from "../beads/bead-row.ts";
import { escalate } from "../escalations/escalations.ts";
import type { Ctx } from "../kernel/context.ts";
import { fromJson, toJson } from "../kernel/json.ts";
import { schedule } from "../kernel/schedule.ts";
import { refuseWithOpenSteps } from "../molecules/molecules.ts";
import { enqueue, finishKind } from "../outbox/outbox.ts";
import { fixChangedNothing, fixPushed } from "../reviews/fix-beads.ts";
import { mergeOfFix, verdictOf, mergeRow } from "../reviews/merge-row.ts";
import { doneWithoutBead } from "../reviews/no-verdict.ts";
import { submitWork } from "../reviews/submit.ts";
import { move } from "../status.ts";
import type { DoneRequest, SettleState } from "../town.ts";
import { z } from "zod";
import { closeSession } from "./close.ts";
import { endSession } from "./end.ts";
import { markRunning } from "./lease.ts";
import { SETTLE_DEADLINE, sessionRow, type SessionRow } from "./session-row.ts";

const settleStateSchema = z.object({ id: z.string(), state: z.looseObject({ type: z.string() }) });

/** A polecat says that it is finished. Throws `validation_failed` when a summary is missing. */
export function requestDone(
  ctx: Ctx,
  session: SessionRow,
  input: {
    summary?: string | undefined;
    no_changes?: boolean | undefined;
    steps_reason?: string | undefined;
  },
): DoneRequest {
  if (session.role === "refinery") return refineryDone(ctx, session);
  if (session.role === "triage" && session.state !== "ended") return batchOver(ctx, session);
  if (session.state === "ended") {
    return {
      type: "recorded",
      outcome: session.outcome ?? "ended",
      headSha: session.head_sha,
      branch: session.branch,
    };
  }
  if (!input.summary) {
    throw new GastownError(
      "validation_failed",
      "gt_done needs a summary: say in a few sentences what you did, then call it again.",
    );
  }
  if (session.state === "settling" && session.settle_id)
    return { type: "settling", settleId: session.settle_id };
  refuseWithOpenSteps(ctx, session.bead_id, input.steps_reason);
  markRunning(ctx, session);
  const settleId = ctx.id("settle");
  const noChanges = input.no_changes === true;
  ctx.sql.run(
    `update sessions set settle_id = ?, settle_no_changes = ?, settle_summary = ?, settle_state = null, settle_head = null, deadline = ? where id = ?`,
    settleId,
    noChanges ? 1 : 0,
    input.summary,
    ctx.now + SETTLE_DEADLINE,
    session.id,
  );
  move(ctx, {
    machine: "session",
    id: session.id,
    from: "running",
    to: "settling",
    event: {
      kind: "session.settling",
      subject: { type: "session", id: session.id },
      beadId: session.bead_id,
      agentId: session.agent_id,
      rigId: session.rig_id,
      sessionId: session.id,
      text: "Work is committed, pushed and read back",
      data: { summary: input.summary.slice(0, 500), stepsReason: input.steps_reason ?? null },
    },
  });
  enqueue(ctx, {
    kind: "settle_session",
    subject: session.id,
    key: `settle:${settleId}`,
    payload: { settleId },
  });
  return { type: "settling", settleId };
}

/** What it has not decided returns to the queue. */
function batchOver(ctx: Ctx, session: SessionRow): DoneRequest {
  endSession(ctx, session, {
    outcome: "completed",
    reason: { code: "batch_over", message: "its batch is over" },
    gone: false,
  });
  return { type: "recorded", outcome: "completed", headSha: null, branch: null };
}

function refineryDone(ctx: Ctx, session: SessionRow): DoneRequest {
  const merge = session.bead_id ? mergeRow(ctx, session.bead_id) : undefined;
  const verdict = merge ? verdictOf(merge) : null;
  if (verdict?.sessionId === session.id) return { type: "verdict_recorded", verdict: verdict.kind };
  if (session.state === "ended") {
    if (merge) doneWithoutBead(ctx, session, merge);
    return { type: "recorded", outcome: session.outcome ?? "ended", headSha: null, branch: null };
  }
  throw new GastownError(
    "verdict_required",
    "A review ends with a verdict. Call gt_approve{summary} if this head may land, or gt_request_changes{feedback} if not. gt_done is not needed.",
  );
}

/** The runner has committed: should it be lost with its disk, the remote can be asked for this head. */
export function settleCommitted(ctx: Ctx, sessionId: string, settleId: string, headSha: string): void {
  ctx.sql.run(
    "update sessions set settle_head = ? where id = ? and settle_id = ? and state = 'settling'",
    headSha,
    sessionId,
    settleId,
  );
}

export function settleState(ctx: Ctx, sessionId: string, settleId: string): SettleState {
  const session = sessionRow(ctx, sessionId);
  if (!session) return { type: "over", message: "this session is unknown" };
  const stored = fromJson(settleStateSchema, session.settle_state);
  if (stored?.id === settleId) return stored.state as SettleState;
  if (session.state === "ended")
    return { type: "over", message: `the session ended (${session.outcome ?? "ended"})` };
  return { type: "pending" };
}

/** The runner's answer. Anything but exactly the settle that is awaited changes nothing. */
export function sessionSettled(ctx: Ctx, sessionId: string, result: SettleResult): void {
  const session = sessionRow(ctx, sessionId);
  if (!session || session.state !== "settling" || session.settle_id !== result.settle_id) return;
  if (result.epoch < session.epoch || !session.bead_id) return;
  finishKind(ctx, "settle_session", session.id, result.result);
  const bead = beadRow(ctx, session.bead_id);
  switch (result.result) {
    case "pushed":
      if (result.head_sha !== null) pushed(ctx, session, bead, result, result.head_sha);
      return;
    case "nothing_to_push":
      return nothingToPush(ctx, session, bead);
    case "changes_present":
      return backToAgent(ctx, session, {
        type: "refused",
        code: "changes_present",
        message: `There are ${result.commits} commit(s) on your branch, so there is something to submit. Call gt_done without no_changes, or undo them first.`,
      });
    case "branch_moved":
      return backToAgent(ctx, session, {
        type: "refused",
        code: "head_moved",
        message: `Somebody else pushed to ${result.branch ?? "your branch"}${result.head_sha ? ` (${result.head_sha.slice(0, 12)})` : ""}. Merge that commit into your work, then call gt_done again.`,
      });
    default:
      return pushFailed(ctx, session, bead, result);
  }
}

function pushed(ctx: Ctx, session: SessionRow, bead: BeadRow, result: SettleResult, headSha: string): void {
  const branch = result.branch ?? session.branch ?? "";
  remember(ctx, session, {
    type: "submitted",
    headSha,
    branch,
    commits: result.commits,
    additions: result.additions,
    deletions: result.deletions,
  });
  ctx.sql.run("update sessions set head_sha = ? where id = ?", headSha, session.id);
  ctx.sql.run("update beads set summary = ? where id = ?", session.settle_summary, bead.id);
  if (isFix(bead)) {
    const merge = mergeOfFix(ctx, bead.id);
    if (merge) fixPushed(ctx, bead, merge, headSha);
    else closeBead(ctx, bead, "moot", `${bead.title}: its merge request is over`);
  } else {
    submitWork(ctx, bead, { branch, target: session.target ?? "main", headSha });
  }
  finishSession(ctx, session, "submitted");
}

function nothingToPush(ctx: Ctx, session: SessionRow, bead: BeadRow): void {
  if (session.settle_no_changes === 0) {
    return backToAgent(ctx, session, {
      type: "refused",
      code: "nothing_to_submit",
      message:
        "Your branch has no commit beyond its start. Make and commit the change, or call gt_done again with no_changes: true and say why nothing had to change.",
    });
  }
  remember(ctx, session, { type: "no_changes" });
  const why = session.settle_summary ?? "no reason given";
  ctx.sql.run("update beads set summary = ? where id = ?", why, bead.id);
  const merge = isFix(bead) ? mergeOfFix(ctx, bead.id) : undefined;
  if (merge) fixChangedNothing(ctx, bead, merge, why);
  else closeBead(ctx, bead, "no_changes", `${bead.title}: nothing had to change`);
  finishSession(ctx, session, "no_changes");
}

function pushFailed(ctx: Ctx, session: SessionRow, bead: BeadRow, result: SettleResult): void {
  const kind = result.error?.kind ?? "other";
  const message = result.error?.message ?? "the push did not succeed";
  if (kind !== "auth" && kind !== "rejected") {
    const advice =
      kind === "network"
        ? "Your work is safe. Call gt_done again in a moment."
        : "Correct that, then call gt_done again.";
    return backToAgent(ctx, session, {
      type: "refused",
      code: "push_failed",
      message: `${message} ${advice}`,
    });
  }
  remember(ctx, session, {
    type: "over",
    message: `The push was refused (${message}). Your work is saved and a person is asked. Stop here.`,
  });
  ctx.sql.run("update beads set held = 'push_failed' where id = ?", bead.id);
  reopen(ctx, bead, "push_failed", `${bead.title} is held: its push was refused`);
  escalate(ctx, {
    severity: "high",
    category: "push_failed",
    subject: bead.id,
    title: `The push of ${bead.title} was refused`,
    body: `${message}. The work is saved. Repair the access or the rule, then start the bead again.`,
    choices: [
      { id: "retry", label: "Start it again from the saved work" },
      { id: "close", label: "Cancel it" },
    ],
    source: { rigId: session.rig_id ?? undefined, beadId: bead.id, sessionId: session.id },
  });
  closeSession(ctx, session, { outcome: "failed", reason: { code: "push_failed", message }, gone: false });
}

/** `settling → running`: the agent is told what to do, and its bead stays with it. */
export function backToAgent(ctx: Ctx, session: SessionRow, state: SettleState): void {
  remember(ctx, session, state);
  move(ctx, {
    machine: "session",
    id: session.id,
    from: "settling",
    to: "running",
    event: {
      kind: "session.settled_nothing",
      subject: { type: "session", id: session.id },
      beadId: session.bead_id,
      agentId: session.agent_id,
      sessionId: session.id,
      text:
        state.type === "refused"
          ? `Nothing was submitted (${state.code.replaceAll("_", " ")})`
          : "Nothing was submitted",
    },
  });
  ctx.sql.run("update sessions set deadline = null where id = ?", session.id);
  schedule(ctx, "session", session.id);
}

function remember(ctx: Ctx, session: SessionRow, state: SettleState): void {
  ctx.sql.run(
    "update sessions set settle_state = ? where id = ?",
    toJson({ id: session.settle_id, state }),
    session.id,
  );
}

function finishSession(ctx: Ctx, session: SessionRow, outcome: "submitted" | "no_changes"): void {
  closeSession(ctx, session, {
    outcome,
    reason: { code: outcome, message: session.settle_summary?.slice(0, 4_000) ?? "" },
    gone: false,
  });
}
