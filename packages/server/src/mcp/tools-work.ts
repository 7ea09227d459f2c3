/** With which the mayor ends, retries and removes work (spec/api.md §4.4). */
import type { ToolInput } from "@gastown/protocol";
import { BULK_BATCH, type SessionContext, type Town } from "@gastown/town";
import type { TownActor } from "../towns/actor.ts";
import { actorOf } from "./actor-of.ts";
import type { ToolResult } from "./result.ts";

const LISTED = 20;

/** In batches of their own transactions; each bead is deleted or refused by itself. */
export function beadDelete(
  actor: TownActor,
  session: SessionContext,
  { bead_ids, force = false }: ToolInput<"gt_bead_delete">,
): ToolResult {
  const refs = [...new Set(bead_ids)];
  const change = { action: "delete", note: "", labels: [], force } as const;
  const results = [];
  for (let from = 0; from < refs.length; from += BULK_BATCH) {
    const batch = refs.slice(from, from + BULK_BATCH);
    results.push(...actor.run((town) => town.changeBeads(batch, change, false, actorOf(session))));
  }
  const refused = results.filter(({ ok }) => !ok);
  const deleted = results.length - refused.length;
  const left = refused.slice(0, LISTED).map(({ message }) => `- ${message ?? ""}`);
  return {
    text: [`Deleted ${deleted} of ${refs.length}.`, ...left].join("\n"),
    data: {
      deleted,
      refused: refused.map(({ beadId, code, message }) => ({ bead_id: beadId, code, message })),
    },
  };
}

export function convoyClose(
  town: Town,
  session: SessionContext,
  { convoy_id, note = "" }: ToolInput<"gt_convoy_close">,
): ToolResult {
  const { id, state } = town.closeConvoy(convoy_id, note, actorOf(session));
  return { text: `Convoy ${id} is ${state}.`, data: { convoy_id: id, state } };
}

export function convoyRetry(
  town: Town,
  session: SessionContext,
  { convoy_id }: ToolInput<"gt_convoy_retry">,
): ToolResult {
  const { id, state, progress } = town.retryConvoy(convoy_id, actorOf(session));
  return { text: `Convoy ${id} is tried again (${state}).`, data: { convoy_id: id, state, progress } };
}

export function convoyWaive(
  town: Town,
  session: SessionContext,
  { convoy_id, bead_id, note }: ToolInput<"gt_convoy_waive">,
): ToolResult {
  const bead = town.bead(bead_id).id;
  const { id, progress } = town.waiveMember(convoy_id, bead, note, actorOf(session));
  return {
    text: `Convoy ${id} goes on without ${bead}: ${progress.closed + progress.waived} of ${progress.total} done.`,
    data: { convoy_id: id, progress },
  };
}

export function mergeRetry(
  town: Town,
  session: SessionContext,
  { bead_id }: ToolInput<"gt_merge_retry">,
): ToolResult {
  const { id, state } = town.retryMerge(bead_id, actorOf(session));
  return { text: `Merge request ${id} is ${state}.`, data: { bead_id: id, state } };
}

/** Finished work is never redone by itself: a person, or the mayor, says what becomes of the bead. */
export function mergeDismiss(
  town: Town,
  session: SessionContext,
  { bead_id, note = "" }: ToolInput<"gt_merge_dismiss">,
): ToolResult {
  const { id, state, sourceBeadId } = town.dismissMerge(bead_id, { note, source: "hold" }, actorOf(session));
  const held = sourceBeadId === null ? "" : ` ${sourceBeadId} is held: start, change or close it.`;
  return { text: `Merge request ${id} is given up.${held}`, data: { bead_id: id, state } };
}
