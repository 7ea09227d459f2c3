/** Attempts at a bead: how failures count, how long it rests, when it is given up (spec/town.md §5). */
import type { FailureReason } from "@gastown/protocol";
import { settings } from "../config/store.ts";
import { escalate } from "../escalations/escalations.ts";
import { attemptBackoff, type Ctx } from "../kernel/context.ts";
import { move } from "../status.ts";
import type { BeadRow } from "./bead-row.ts";

/** `in_progress → open`: nothing counted. */
export function reopen(ctx: Ctx, bead: BeadRow, reason: string, text: string): void {
  move(ctx, {
    machine: "issue",
    id: bead.id,
    from: "in_progress",
    to: "open",
    reason,
    event: {
      kind: "bead.status_changed",
      subject: { type: "bead", id: bead.id },
      beadId: bead.id,
      rigId: bead.rig_id,
      convoyId: bead.convoy_id,
      text,
    },
  });
}

/** Counts a failed start or run: the bead rests, or fails when its attempts are spent. */
export function countFailure(ctx: Ctx, bead: BeadRow, kind: "start" | "run", reason: FailureReason): void {
  const column = kind === "start" ? "start_failures" : "run_failures";
  const failures = (kind === "start" ? bead.start_failures : bead.run_failures) + 1;
  ctx.sql.run(
    `update beads set ${column} = ?, cooldown_until = ? where id = ?`,
    failures,
    ctx.now + attemptBackoff(failures),
    bead.id,
  );
  if (failures < settings(ctx, bead.rig_id).limits.max_attempts) {
    reopen(ctx, bead, reason.code, `${bead.title} will be tried again: ${reason.message}`);
    return;
  }
  failBead(
    ctx,
    bead,
    "attempts_exhausted",
    `${failures} ${kind === "start" ? "starts" : "runs"} failed: ${reason.message}`,
  );
  escalate(ctx, {
    severity: "high",
    category: "bead_failed",
    subject: bead.id,
    title: `${bead.title} failed ${failures} times`,
    body: `The last time: ${reason.message}${reason.action ? ` ${reason.action}` : ""}`,
    choices: [
      { id: "retry", label: "Try it again with new attempts" },
      { id: "waive", label: "Go on without it" },
      { id: "close", label: "Cancel it" },
    ],
    source: { rigId: bead.rig_id ?? undefined, beadId: bead.id, convoyId: bead.convoy_id ?? undefined },
  });
}

/** Any live state → `failed`. */
export function failBead(ctx: Ctx, bead: BeadRow, reason: string, text: string): void {
  move(ctx, {
    machine: "issue",
    id: bead.id,
    from: bead.status,
    to: "failed",
    reason,
    event: {
      kind: "bead.status_changed",
      subject: { type: "bead", id: bead.id },
      beadId: bead.id,
      rigId: bead.rig_id,
      convoyId: bead.convoy_id,
      text: `${bead.title} failed: ${text}`,
    },
  });
}

/** Any live state → `closed` with the reason that says why. */
export function closeBead(ctx: Ctx, bead: BeadRow, reason: string, text: string): void {
  if (reason === "waived") ctx.sql.run("update beads set waived = 1 where id = ?", bead.id);
  move(ctx, {
    machine: "issue",
    id: bead.id,
    from: bead.status,
    to: "closed",
    reason,
    event: {
      kind: "bead.status_changed",
      subject: { type: "bead", id: bead.id },
      beadId: bead.id,
      rigId: bead.rig_id,
      convoyId: bead.convoy_id,
      text,
    },
  });
}
