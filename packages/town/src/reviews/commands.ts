/** Commands that meet a merge in flight are stored and applied with its result (spec/town.md §2). */
import { z } from "zod";
import { closeBead, failBead } from "../beads/attempts.ts";
import { schedule } from "../kernel/schedule.ts";
import type { Ctx } from "../kernel/context.ts";
import { fromJson, toJson } from "../kernel/json.ts";
import { enqueue, tryNow, underWay } from "../outbox/outbox.ts";
import { move } from "../status.ts";
import { requestChanges } from "./changes.ts";
import { dismissMerge } from "./fail.ts";
import { sourceIssue, type MergeRow } from "./merge-row.ts";

/** What becomes of the work whose merge request is dismissed. */
const dismissedSource = z.enum(["reopen", "hold", "close"]);
export type DismissedSource = z.infer<typeof dismissedSource>;

const takeCommand = z.object({ action: z.enum(["close", "fail"]), reason: z.string(), text: z.string() });
/** Ends the work itself, with whatever lands it. */
export type TakeCommand = z.infer<typeof takeCommand>;

const pendingCommand = z.discriminatedUnion("action", [
  takeCommand,
  z.object({ action: z.literal("dismiss"), source: dismissedSource, text: z.string() }),
  z.object({ action: z.literal("request_changes"), text: z.string() }),
]);
type PendingCommand = z.infer<typeof pendingCommand>;

/** Remembers it and asks the merge to withdraw, which it does unless its push has begun. */
export function storeCommand(ctx: Ctx, merge: MergeRow, command: PendingCommand): void {
  ctx.sql.run(
    "update merge_requests set pending_command = ? where bead_id = ?",
    toJson(command),
    merge.bead_id,
  );
  withdraw(ctx, merge);
}

/**
 * A direct merge withdraws unless its push has begun. A pull request's is asked no further: its next try
 * only looks whether an earlier one, whose answer was lost, has merged it (`forge-request.ts`).
 */
export function withdraw(ctx: Ctx, merge: MergeRow): void {
  if (merge.strategy === "pr") return tryNow(ctx, "merge_pull_request", merge.bead_id);
  const effect = underWay(ctx, "merge", merge.bead_id);
  if (!effect) return;
  enqueue(ctx, {
    kind: "withdraw_merge",
    subject: `withdraw:${merge.bead_id}`,
    key: `withdraw:${effect.id}`,
    payload: { effectId: effect.id },
  });
}

/** It is open again, and keeps from landing what had gone on without it (`on_blocker_failure: skip`). */
export function withdrawBlockedBy(ctx: Ctx, blockerId: string): void {
  const landing = ctx.sql.all<MergeRow>(
    `select m.* from dependencies d join merge_requests m on m.source_id = d.from_id
     where d.to_id = ? and d.kind = 'blocks' and m.state = 'landing'`,
    blockerId,
  );
  for (const merge of landing) withdraw(ctx, merge);
}

/** The merge did not land: what was asked meanwhile is done now. True when there was something. */
export function applyPendingCommand(ctx: Ctx, merge: MergeRow): boolean {
  const command = fromJson(pendingCommand, merge.pending_command);
  if (!command) return false;
  ctx.sql.run("update merge_requests set pending_command = null where bead_id = ?", merge.bead_id);
  switch (command.action) {
    case "request_changes":
      requestChanges(ctx, merge, { feedback: command.text, files: [], sessionId: null });
      return true;
    case "dismiss":
      dismissWith(ctx, merge, command.source, command.text);
      return true;
    default:
      takeSource(ctx, merge, command);
      return true;
  }
}

function takeSource(ctx: Ctx, merge: MergeRow, command: TakeCommand): void {
  dismissMerge(ctx, merge, command.text);
  const source = sourceIssue(ctx, merge);
  if (source?.status !== "in_review") return;
  if (command.action === "close") closeBead(ctx, source, command.reason, command.text);
  else failBead(ctx, source, command.reason, command.text);
}

/** It had failed before a person decided what becomes of it. */
function nameDismissed(ctx: Ctx, merge: MergeRow, text: string): void {
  ctx.sql.run(
    "update merge_requests set failure_kind = 'dismissed', failure_message = ? where bead_id = ?",
    text,
    merge.bead_id,
  );
}

/** The person who dismisses finished work says what becomes of it (spec/town.md §2). */
export function dismissWith(ctx: Ctx, merge: MergeRow, choice: DismissedSource, text: string): void {
  if (merge.state === "failed") nameDismissed(ctx, merge, text);
  else dismissMerge(ctx, merge, text);
  const source = sourceIssue(ctx, merge);
  if (!source || (source.status !== "in_review" && source.status !== "open")) return;
  if (choice === "close") return closeBead(ctx, source, "cancelled", text);
  const held = choice === "hold" ? "dismissed" : null;
  ctx.sql.run("update beads set held = ? where id = ?", held, source.id);
  schedule(ctx, "bead", source.id);
  if (source.status === "open") return;
  move(ctx, {
    machine: "issue",
    id: source.id,
    from: "in_review",
    to: "open",
    reason: "dismissed",
    event: {
      kind: "bead.status_changed",
      subject: { type: "bead", id: source.id },
      beadId: source.id,
      convoyId: source.convoy_id,
      rigId: source.rig_id,
      text: `${source.title} is open again: its merge request was dismissed`,
    },
  });
}
