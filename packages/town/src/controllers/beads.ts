/**
 * An open issue: decides what concerns this bead alone and marks it ready when nothing does. The
 * gates that a whole rig shares are the dispatcher's (spec/town.md §5).
 */
import type { BeadRow } from "../beads/bead-row.ts";
import { blockersOf } from "../beads/dependencies.ts";
import { isBroken, isDone } from "../beads/done.ts";
import { storeWaiting, type Waiting } from "../beads/waiting.ts";
import { budgetWait, OWN } from "../budgets/budgets.ts";
import { chargedForBead } from "../budgets/charged.ts";
import { askForMore } from "../budgets/watch.ts";
import { settings } from "../config/store.ts";
import { branchOf } from "../convoys/branches.ts";
import { escalate } from "../escalations/escalations.ts";
import type { Ctx } from "../kernel/context.ts";
import { schedule } from "../kernel/schedule.ts";

export function beadController(ctx: Ctx, id: string): number | null {
  const bead = ctx.sql.get<BeadRow>("select * from beads where id = ?", id);
  if (!bead || bead.type !== "issue" || bead.status !== "open") return null;
  const waiting = decide(ctx, bead);
  storeWaiting(ctx, bead, waiting);
  const ready = waiting === null ? 1 : 0;
  if (ready !== bead.ready) ctx.sql.run("update beads set ready = ? where id = ?", ready, id);
  if (ready === 1 && bead.rig_id) schedule(ctx, "dispatch", bead.rig_id);
  return waiting?.until ?? null;
}

/** The first that holds, in the order in which they are told. */
function decide(ctx: Ctx, bead: BeadRow): Waiting | null {
  return (
    held(bead) ??
    staged(ctx, bead) ??
    blocked(ctx, bead) ??
    ownBudget(ctx, bead) ??
    cooldown(ctx, bead) ??
    featureBranch(ctx, bead)
  );
}

function held(bead: BeadRow): Waiting | null {
  if (bead.held === null) return null;
  return { code: "held", message: `held (${bead.held}) until somebody starts it` };
}

function ownBudget(ctx: Ctx, bead: BeadRow): Waiting | null {
  const waiting = budgetWait(ctx, chargedForBead(ctx, bead), OWN);
  if (waiting) askForMore(ctx, chargedForBead(ctx, bead));
  return waiting;
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
  escalateBroken(ctx, bead, broken);
  return {
    code: "blocked_by_failed",
    message: `${broken.map((blocker) => blocker.title).join(", ")} did not succeed: retry or waive it, or close this bead`,
    ids: broken.map((blocker) => blocker.id),
  };
}

function escalateBroken(ctx: Ctx, bead: BeadRow, broken: BeadRow[]): void {
  for (const blocker of broken) {
    escalate(ctx, {
      severity: "medium",
      category: "blocked_by_failed",
      subject: blocker.id,
      title: `${blocker.title} did not succeed, and other work waits for it`,
      body: `${bead.title} cannot start. Retry ${blocker.id}, waive it, or close what waits for it.`,
      choices: [
        { id: "retry", label: "Try it again" },
        { id: "waive", label: "Go on without it" },
      ],
      source: {
        rigId: blocker.rig_id ?? undefined,
        beadId: blocker.id,
        convoyId: blocker.convoy_id ?? undefined,
      },
    });
  }
}

function cooldown(ctx: Ctx, bead: BeadRow): Waiting | null {
  if (bead.cooldown_until <= ctx.now) return null;
  const failures = bead.start_failures + bead.run_failures;
  return {
    code: "cooldown",
    message: `waits after ${failures} failed attempt(s)${bead.reason ? ` (${bead.reason})` : ""}`,
    until: bead.cooldown_until,
  };
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
