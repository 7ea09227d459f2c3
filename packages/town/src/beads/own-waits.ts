/**
 * What keeps an open issue by itself, apart from the gates that its whole rig shares (spec/town.md §5).
 * Reading only: whoever acts on it (asks a person, wakes somebody) does so elsewhere.
 */
import type { FailureReason, WaitingCode } from "@gastown/protocol";
import { budgetWait, OWN } from "../budgets/budgets.ts";
import { chargedForBead } from "../budgets/charged.ts";
import { settings } from "../config/store.ts";
import { branchOf } from "../convoys/branches.ts";
import type { Ctx } from "../kernel/context.ts";
import { passingRefusal } from "../sessions/refusals.ts";
import type { BeadRow } from "./bead-row.ts";
import { blockersOf } from "./dependencies.ts";
import { isBroken, isDone } from "./done.ts";
import type { Waiting } from "./waiting.ts";

type Check = (ctx: Ctx, bead: BeadRow) => Waiting | null;

/** In the order in which they are told; the codes that each can give. */
export const OWN_CHECKS: readonly { codes: readonly WaitingCode[]; check: Check }[] = [
  { codes: ["held"], check: held },
  { codes: ["staged"], check: staged },
  { codes: ["blocked", "blocked_by_failed"], check: blocked },
  { codes: ["budget"], check: ownBudget },
  { codes: ["cooldown"], check: cooldown },
  { codes: ["runner_unavailable"], check: featureBranch },
];

/** The first that holds. */
export function ownWait(ctx: Ctx, bead: BeadRow): Waiting | null {
  for (const { check } of OWN_CHECKS) {
    const waiting = check(ctx, bead);
    if (waiting !== null) return waiting;
  }
  return null;
}

function held(_ctx: Ctx, bead: BeadRow): Waiting | null {
  if (bead.held === null) return null;
  return { code: "held", message: `held (${bead.held}) until somebody starts it` };
}

function ownBudget(ctx: Ctx, bead: BeadRow): Waiting | null {
  return budgetWait(ctx, chargedForBead(ctx, bead), OWN);
}

function staged(ctx: Ctx, bead: BeadRow): Waiting | null {
  if (!bead.convoy_id) return null;
  const convoy = ctx.sql.get<{ state: string }>(
    "select state from convoys where bead_id = ?",
    bead.convoy_id,
  );
  if (convoy?.state !== "staged") return null;
  return { code: "staged", message: "its convoy has not been started", ids: [bead.convoy_id] };
}

function blocked(ctx: Ctx, bead: BeadRow): Waiting | null {
  const open = blockersOf(ctx, bead.id).filter((blocker) => !isDone(blocker));
  const broken = open.filter(isBroken);
  const policy = settings(ctx, bead.rig_id).on_blocker_failure;
  const waitsFor = policy === "skip" ? open.filter((blocker) => !isBroken(blocker)) : open;
  const pending = waitsFor.filter((blocker) => !isBroken(blocker));
  if (pending.length > 0) {
    return {
      code: "blocked",
      message: `waits for ${pending.map((blocker) => blocker.title).join(", ")}`,
      ids: pending.map((blocker) => blocker.id),
    };
  }
  if (broken.length === 0 || policy === "skip") return null;
  return {
    code: "blocked_by_failed",
    message: `${broken.map((blocker) => blocker.title).join(", ")} did not succeed: retry or waive it, or close this bead`,
    ids: broken.map((blocker) => blocker.id),
  };
}

function cooldown(ctx: Ctx, bead: BeadRow): Waiting | null {
  if (bead.cooldown_until <= ctx.now) return null;
  const refusal = passingRefusal(ctx, bead.id);
  if (refusal !== null)
    return { code: "cooldown", message: refusedText(refusal), until: bead.cooldown_until };
  const failures = bead.start_failures + bead.run_failures;
  return {
    code: "cooldown",
    message: `waits after ${failures} failed attempt(s)${bead.reason ? ` (${bead.reason})` : ""}`,
    until: bead.cooldown_until,
  };
}

/** A sentence without a full stop: nothing has failed. */
function refusedText({ code, message }: FailureReason): string {
  const what = code === "model_unavailable" ? "waits for its model" : "waits to be started";
  return `${what}: ${message.replace(/\.$/, "")}`;
}

/** Members of a review-then-land convoy begin on its feature branch, so that must be there. */
function featureBranch(ctx: Ctx, bead: BeadRow): Waiting | null {
  if (!bead.convoy_id || !bead.rig_id) return null;
  const branch = branchOf(ctx, bead.convoy_id, bead.rig_id);
  if (!branch || branch.state === "ready") return null;
  return {
    code: "runner_unavailable",
    message: branch.error
      ? `its feature branch could not be made: ${branch.error}`
      : "its feature branch is being made",
  };
}
