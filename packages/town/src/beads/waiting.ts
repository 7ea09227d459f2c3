/** Why a bead does not move: stored once where it concerns this bead alone (spec/town.md §5). */
import { waitingCode, type WaitingCode } from "@gastown/protocol";
import { z } from "zod";
import { audit } from "../audit/audit.ts";
import type { Ctx } from "../kernel/context.ts";
import { fromJson, toJson } from "../kernel/json.ts";

const storedWaiting = z.object({
  code: waitingCode,
  since: z.number(),
  until: z.number().optional(),
  ids: z.array(z.string()).optional(),
  limit: z.string().optional(),
  message: z.string(),
});
export type StoredWaiting = z.infer<typeof storedWaiting>;

export interface Waiting {
  code: WaitingCode;
  message: string;
  until?: number;
  ids?: string[];
  /** The setting that keeps it, e.g. `budgets.rig`. */
  limit?: string;
}

export function readWaiting(stored: string | null): StoredWaiting | null {
  return fromJson(storedWaiting, stored);
}

/** Keeps `since` while the code stays the same, so that "since when" is true. */
export function waitingJson(ctx: Ctx, before: string | null, waiting: Waiting): string {
  const old = readWaiting(before);
  return toJson({ ...waiting, since: old?.code === waiting.code ? old.since : ctx.now });
}

/** Stores what an issue waits for; an audit row is written only when it changed in kind. */
export function storeWaiting(
  ctx: Ctx,
  bead: { id: string; waiting: string | null; title: string },
  waiting: Waiting | null,
): void {
  const next = waiting === null ? null : waitingJson(ctx, bead.waiting, waiting);
  if (next === bead.waiting) return;
  ctx.sql.run("update beads set waiting = ? where id = ?", next, bead.id);
  if (waiting === null || readWaiting(bead.waiting)?.code === waiting.code) return;
  audit(ctx, {
    kind: "bead.waiting",
    subject: { type: "bead", id: bead.id },
    beadId: bead.id,
    reason: waiting.code,
    text: `${bead.title}: ${waiting.message}`,
    data: { code: waiting.code, ids: waiting.ids ?? [] },
  });
}
